// Images that tenants make of their checkpoints.
#include "coordinator/core/imaging.hpp"

#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using Kind = Pending::Kind;

namespace {

std::string attempt_of(const Op& op)
{
    return (op->kind == Kind::make_image ? "make image " : "delete image ") + op->image.str();
}

} // namespace

Result<Image> Core::create_image(const Caller& caller, ImageRequest request)
{
    return ask<Image>(
        settings_.snapshot_timeout + settings_.grace,
        [this, caller, request = std::move(request)](const Reply<Image>& reply) {
            const Error late{ErrorCode::timeout,
                             "make image " + request.name.str() +
                                 ": no answer in time; the work goes on, and GET "
                                 "/v1/images/" +
                                 request.name.str() + " finds it when it is made",
                             "outcome_unknown"};
            const auto from = imaging_->source(caller, request);
            const auto about = from ? from->sandbox : common::SandboxId{};
            if (wait_for_host(reply, caller, about, settings_.snapshot_timeout, late)) {
                imaging_->make(caller, request, reply);
            }
        });
}

Result<Image> Core::delete_image(const Caller& caller, const common::ImageName& name)
{
    return ask_within<Image>(settings_.snapshot_timeout,
                             "delete image " + name.str(),
                             [this, caller, name](const Imaging::Done& done) {
                                 if (!registry_->remove(caller, name, done)) {
                                     imaging_->remove(caller, name, done);
                                 }
                             });
}

Result<Checkpoint> Core::Imaging::source(const Caller& caller, const ImageRequest& request) const
{
    const auto& wanted = request.from_snapshot;
    const Checkpoint* found = nullptr;
    if (request.sandbox) {
        COMMON_CHECK(core_.living(caller, *request.sandbox));
        found = core_.checkpoints_.named(*request.sandbox, wanted);
    }
    if (found == nullptr) {
        found = core_.checkpoints_.find(common::SnapshotId{wanted});
    }
    const bool theirs = found != nullptr && found->tenant == caller.tenant && !found->hidden &&
                        found->status != Checkpoint::Status::deleted &&
                        (!request.sandbox || found->sandbox == *request.sandbox);
    if (!theirs) {
        const auto of = request.sandbox ? " of sandbox " + request.sandbox->str() : std::string{};
        return Error{ErrorCode::not_found,
                     "make image " + request.name.str() + ": there is no snapshot " + wanted + of,
                     "unknown_snapshot"};
    }
    return *found;
}

Result<> Core::Imaging::may_make(const Checkpoint& from, const common::ImageName& name) const
{
    const auto attempt = "make image " + name.str() + ": ";
    const auto& sandbox = *core_.fleet_.find(from.sandbox);
    if (sandbox.desired == Desired::destroyed) {
        return wrong_state(sandbox, "make an image of");
    }
    if (from.status != Checkpoint::Status::ready) {
        return not_ready(from, "make an image of");
    }
    if (busy_.contains(name) || core_.registry_->has(name) ||
        core_.fleet_.host_with(name) != nullptr) {
        return Error{ErrorCode::already_exists,
                     attempt + "there is one of this name, or it is being made or deleted",
                     "image_exists"};
    }
    COMMON_TRY(const auto* host, core_.reachable(sandbox));
    if (host->host.facts.images.size() >= core_.settings_.max_images_per_host) {
        return Error{ErrorCode::failed_precondition,
                     attempt + "host " + sandbox.host.str() + " has " +
                         std::to_string(core_.settings_.max_images_per_host) +
                         " already, which is the most; delete some of those first",
                     "too_many_images"};
    }
    return core_.room_for_one_more();
}

void Core::Imaging::make(const Caller& caller, const ImageRequest& request, Done done)
{
    const auto from = source(caller, request);
    if (!from) {
        return done(from.error());
    }
    core_.touch(caller, from->sandbox);
    if (const auto may = may_make(*from, request.name); !may) {
        return done(may.error());
    }
    const auto op =
        core_.begin_about(Kind::make_image,
                          caller,
                          *from,
                          MakeImageOnHost{from->sandbox, from->id, request.name, caller.tenant});
    op->image = request.name;
    op->imaged = std::move(done);
    busy_.insert(request.name);
    core_.checkpoints_.hold(from->id);
    begin(op,
          detail_of({{"snapshot_id", from->id.str()},
                     {"name", from->name},
                     {"sandbox_id", from->sandbox.str()}}));
}

/// The image of this name that a host has, if this tenant made it.
const Image*
Core::Imaging::made_on(const Host& host, const common::ImageName& name, const std::string& tenant)
{
    const auto& images = host.facts.images;
    const auto found = std::ranges::find(images, name, &Image::name);
    const bool theirs = found != images.end() && !tenant.empty() && found->tenant == tenant;
    return theirs ? &*found : nullptr;
}

Result<> Core::Imaging::is_unused(const common::ImageName& name,
                                  const std::string& tenant,
                                  const std::string& digest) const
{
    const auto attempt = "delete image " + name.str() + ": ";
    if (const auto* pool = core_.pooling_->of_image(name, tenant); pool != nullptr) {
        return Error{ErrorCode::failed_precondition,
                     attempt + "pool " + pool->name + " is of it; delete that first",
                     "image_in_use"};
    }
    for (const auto& [id, sandbox] : core_.fleet_.sandboxes()) {
        if (sandbox.phase != Phase::destroyed && sandbox.image == name &&
            sandbox.image_digest == digest) {
            return Error{ErrorCode::failed_precondition,
                         attempt + "sandbox " + id.str() + " lies on it; destroy that first",
                         "image_in_use"};
        }
    }
    return {};
}

/// As far as is known here: its host has the last word.
Result<> Core::Imaging::may_remove(const Image& image, const Host& on) const
{
    COMMON_CHECK(is_unused(image.name, image.tenant, image.digest));
    if (on.health == HostHealth::lost) {
        return Error{ErrorCode::unavailable,
                     "delete image " + image.name.str() + ": it is on host " + on.name.str() +
                         ", which is not connected",
                     "host_unreachable"};
    }
    return core_.room_for_one_more();
}

void Core::Imaging::remove(const Caller& caller, const common::ImageName& name, Done done)
{
    if (!core_.fleet_.image(name, caller.tenant)) {
        return done(Error{ErrorCode::not_found, "no host has an image " + name.str()});
    }
    auto& hosts = core_.fleet_.hosts();
    const auto on = std::ranges::find_if(hosts, [&](const auto& entry) {
        return made_on(entry.second.host, name, caller.tenant) != nullptr;
    });
    if (on == hosts.end()) {
        return done(Error{ErrorCode::failed_precondition,
                          "delete image " + name.str() +
                              ": it is an operator's; on each host that has it, `paddock-hostd "
                              "image rm " +
                              name.str() + "` removes it",
                          "operator_image"});
    }
    auto& host = on->second.host;
    const auto image = *made_on(host, name, caller.tenant);
    if (const auto may = may_remove(image, host); !may) {
        return done(may.error());
    }
    Sandbox nobody;
    nobody.host = host.name;
    const auto op = core_.begin_operation(
        Kind::remove_image, caller, nobody, RemoveImageOnHost{name, caller.tenant});
    op->image = name;
    op->imaged = std::move(done);
    busy_.insert(name);
    changed(Lately::removed, host, image);
    begin(op, detail_of({{"digest", image.digest}, {"snapshot_id", image.from_snapshot.str()}}));
}

void Core::Imaging::begin(const Op& op, std::string detail)
{
    core_.save({op->row, core_.intent_of(op, std::move(detail))},
               [this, op](const Result<>& saved) {
                   if (!saved && saved.error().code != ErrorCode::timeout) {
                       core_.retire(op);
                       const auto error = not_recorded(attempt_of(op), saved.error());
                       release(op, error);
                       return op->imaged(error);
                   }
                   op->durable = true;
                   core_.dispatch(op);
               });
}

void Core::Imaging::changed(Lately what, Host& host, const Image& image)
{
    auto& images = host.facts.images;
    std::erase_if(images, [&image](const Image& other) { return other.name == image.name; });
    if (what == Lately::made) {
        images.push_back(image);
    }
    core_.fleet_.images_changed();
    lately_.insert_or_assign(image.name, Change{what, host.name, image, core_.clock_.steady()});
}

/// It is not under way any more. What was not removed, for certain, is there again.
void Core::Imaging::release(const Op& op, const std::optional<Error>& error)
{
    busy_.erase(op->image);
    if (op->kind == Kind::make_image) {
        return op->snapshot.empty() ? void() : core_.checkpoints_.release(op->snapshot);
    }
    const auto removed = lately_.extract(op->image);
    auto* known = core_.fleet_.host(op->host);
    if (!removed || known == nullptr) {
        return;
    }
    if (!error) {
        return changed(Lately::removed, known->host, removed.mapped().image);
    }
    if (error->code != ErrorCode::timeout) {
        known->host.facts.images.push_back(removed.mapped().image);
        core_.fleet_.images_changed();
    }
}

void Core::Imaging::amend(Host& host)
{
    auto& images = host.facts.images;
    std::erase_if(lately_, [&](const auto& entry) {
        const auto& [name, change] = entry;
        if (change.host != host.name) {
            return false;
        }
        const auto found = std::ranges::find(images, name, &Image::name);
        const bool is_there = found != images.end() && found->digest == change.image.digest;
        const bool busy = busy_.contains(name);
        const bool old = core_.clock_.steady() - change.since >= core_.settings_.checkpoint_grace;
        switch (change.what) {
        case Lately::made:
            if (!is_there && !old && found == images.end()) {
                images.push_back(change.image);
            }
            return is_there || old;
        case Lately::removed:
            if (is_there && (busy || !old)) {
                images.erase(found);
            }
            return !busy && old;
        }
        return true;
    });
}

/// What went wrong, as whoever asked is told it.
std::optional<Error> Core::Imaging::failure(const Op& op, const HostAnswer& answer)
{
    auto error = answer.error;
    if (error && error->code == ErrorCode::timeout) {
        error->reason = "outcome_unknown";
    }
    if (op->kind == Kind::remove_image) {
        return error && error->code == ErrorCode::not_found ? std::nullopt : error;
    }
    if (error && error->stable_reason() == "name_taken") {
        error->reason = "image_exists";
    }
    const auto* image = std::get_if<Image>(&answer.value);
    const bool asked_for = image != nullptr && image->name == op->image &&
                           image->tenant == op->caller.tenant &&
                           image->from_snapshot == op->snapshot;
    if (!error && !asked_for) {
        error = Error{ErrorCode::timeout,
                      attempt_of(op) + ": its host gave no such image",
                      "outcome_unknown"};
    }
    return error;
}

void Core::Imaging::finish(const Op& op, const HostAnswer& answer)
{
    const auto error = failure(op, answer);
    std::vector<coordinator::Change> changes;
    Image image;
    if (const auto removed = lately_.find(op->image); removed != lately_.end()) {
        image = removed->second.image;
    }
    release(op, error);
    auto* known = core_.fleet_.host(op->host);
    if (!error && op->kind == Kind::make_image) {
        image = std::get<Image>(answer.value);
        changed(Lately::made, known->host, image);
    }
    image.hosts = {op->host};
    if (const auto* found = core_.checkpoints_.find(op->snapshot);
        found != nullptr && error && error->stable_reason() == "checkpoint_damaged") {
        auto damaged = *found;
        damaged.error = error->message;
        core_.checkpoints_.put(damaged);
        changes.emplace_back(std::move(damaged));
    }
    core_.close(op, error);
    changes.emplace_back(known->host);
    changes.emplace_back(op->row);
    changes.emplace_back(core_.outcome_of(op, error));
    core_.save_outcome(std::move(changes), [op, error, image](const Result<>& saved) {
        if (error) {
            return op->imaged(*error);
        }
        if (!saved) {
            return op->imaged(Error{
                ErrorCode::timeout,
                attempt_of(op) +
                    ": done, but the database has not recorded it yet: " + saved.error().message,
                "outcome_unknown"});
        }
        op->imaged(image);
    });
}

} // namespace coordinator
