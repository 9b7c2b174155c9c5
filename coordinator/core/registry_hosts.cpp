// Images of uploaded files: what hosts are asked for, and what becomes of that.
#include "coordinator/core/registry.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using ImageStatus = RegisteredImage::Status;

namespace {

constexpr std::chrono::seconds first_image_pause{5};
constexpr std::chrono::seconds longest_image_pause{300};
constexpr std::chrono::hours hopeless_pause{6}; ///< For what all bytes are fetched again in vain.

/// The host, and nothing about the image, is to blame: another one may do.
bool is_of_host(const Error& error)
{
    const auto reason = error.stable_reason();
    return reason != "blob_damaged" &&
           (error.code == ErrorCode::unavailable || error.code == ErrorCode::resource_exhausted ||
            error.code == ErrorCode::unimplemented || error.code == ErrorCode::rate_limited ||
            reason == "image_in_use");
}

/// It is the image that is to blame, or its files, and not the moment.
bool is_hopeless(const Error& error)
{
    return error.code == ErrorCode::invalid_argument || error.stable_reason() == "blob_damaged";
}

} // namespace

/// The one with most room, of those that take what is new, and are to have it, if there are any.
std::optional<common::HostName>
Core::Registry::best_host(const RegisteredImage& image,
                          const std::map<common::HostName, std::string>& refused) const
{
    const Host* best = nullptr;
    for (const auto& [name, known] : core_.fleet_.hosts()) {
        const auto& host = known.host;
        if (host.health != HostHealth::ready || refused.contains(name) ||
            host.facts.images.size() >= core_.settings_.max_images_per_host) {
            continue;
        }
        const auto rank = [&image](const Host& one) {
            return std::tuple{
                !one.wish.cordoned, image.prefetch.covers(one.wish.labels), one.facts.disk_free};
        };
        if (best == nullptr || rank(host) > rank(*best)) {
            best = &host;
        }
    }
    return best == nullptr ? std::nullopt : std::optional{best->name};
}

/// One host after the other, until one has it or says what is wrong with it.
void Core::Registry::look_at(const Caller& caller,
                             const common::ImageId& id,
                             const std::map<common::HostName, std::string>& refused,
                             const Done& done)
{
    auto& image = images_.at(id);
    const auto host = best_host(image, refused);
    if (!host) {
        std::string why;
        for (const auto& [name, said] : refused) {
            why += (why.empty() ? "" : "; ") + name.str() + ": " + said;
        }
        if (refused.empty()) { // Nothing was written of it.
            const Error error{ErrorCode::unavailable,
                              "register image " + image.name.str() +
                                  ": no host is ready to take one more",
                              "no_hosts"};
            forget(id);
            return done(error);
        }
        return give_up(caller,
                       image,
                       {ErrorCode::unavailable,
                        "register image " + image.name.str() + ": no host can take it: " + why,
                        "host_failed"},
                       done);
    }
    begin(Kind::register_image, caller, *host, image, done)->refused = refused;
}

Op Core::Registry::begin(Kind kind,
                         const Caller& caller,
                         const common::HostName& host,
                         const RegisteredImage& image,
                         const Done& done,
                         const std::optional<common::HostName>& giver)
{
    Sandbox nobody;
    nobody.host = host;
    AddImageOnHost add{image};
    if (const auto* from = giver ? core_.fleet_.host(*giver) : nullptr; from != nullptr) {
        add.giver_endpoint = from->host.facts.peer_endpoint;
        add.giver_key = from->host.facts.key;
    }
    decltype(HostCommand::what) what = std::move(add);
    if (kind == Kind::drop_image) {
        what = RemoveImageOnHost{image.name, image.tenant, image.id};
    }
    const auto op = core_.begin_operation(kind, caller, nobody, std::move(what));
    op->image = image.name;
    op->registration = image.id;
    op->imaged = done;
    under_way_.try_emplace(host, op->row.id);
    if (giver) {
        givers_.emplace(op->row.id, *giver);
    }
    std::vector<coordinator::Change> changes{
        op->row,
        core_.intent_of(op,
                        detail_of({{"image_id", image.id.str()},
                                   {"digest", image.disk.digest},
                                   {"from_host", giver ? giver->str() : ""}}))};
    if (kind == Kind::register_image) {
        changes.emplace_back(image);
    }
    core_.save(std::move(changes), [this, op](const Result<>& saved) {
        if (saved || saved.error().code == ErrorCode::timeout) {
            op->durable = true;
            share(op);
            return core_.dispatch(op);
        }
        // As if it had never been begun.
        core_.retire(op);
        no_longer_under_way(op);
        const auto error = not_recorded(op->row.kind + " " + op->image.str(), saved.error());
        if (op->kind == Kind::register_image && !op->refused.empty()) {
            return give_up(op->caller, images_.at(op->registration), error, op->imaged);
        }
        if (op->kind == Kind::register_image) {
            forget(op->registration);
        } else {
            leave_alone({op->host, op->registration}, error);
        }
        op->imaged(error);
    });
    return op;
}

/// The other host learns it before the one that will ask: nothing comes of it if that is late.
void Core::Registry::share(const Op& op) const
{
    const auto giver = givers_.find(op->row.id);
    const auto* to = core_.fleet_.host(op->host);
    if (giver == givers_.end() || to == nullptr) {
        return;
    }
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = op->caller.request;
    command.what = ShareImageOnHost{op->registration, to->host.facts.key};
    static_cast<void>(core_.link_.send(giver->second, std::move(command)));
}

void Core::Registry::no_longer_under_way(const Op& op)
{
    std::erase_if(under_way_, [&op](const auto& one) { return one.second == op->row.id; });
    givers_.erase(op->row.id);
}

void Core::Registry::leave_alone(const OnHost& where, const Error& error)
{
    auto& trouble = troubles_[where];
    trouble.error = error.message;
    trouble.pause = is_hopeless(error)
                        ? hopeless_pause
                        : std::clamp(trouble.pause * 2, first_image_pause, longest_image_pause);
    trouble.until = core_.clock_.steady() + trouble.pause;
}

/// What went wrong, as whoever asked is told it.
std::optional<Error> Core::Registry::failure(const Op& op, const HostAnswer& answer) const
{
    if (op->kind == Kind::drop_image) {
        const bool gone = answer.error && answer.error->code == ErrorCode::not_found;
        return gone ? std::nullopt : answer.error;
    }
    const auto& registered = images_.at(op->registration);
    const auto* image = std::get_if<Image>(&answer.value);
    const bool asked_for = image != nullptr && image->registration == registered.id &&
                           image->name == registered.name && image->tenant == registered.tenant &&
                           image->digest == registered.disk.digest;
    if (!answer.error && !asked_for) {
        return Error{ErrorCode::unavailable,
                     "host " + op->host.str() + " answered with another image",
                     "host_failed"};
    }
    return answer.error;
}

void Core::Registry::finish(const Op& op, const HostAnswer& answer)
{
    no_longer_under_way(op);
    auto error = failure(op, answer);
    core_.close(op, error);
    auto& image = images_.at(op->registration);
    if (!error && op->kind != Kind::drop_image && image.status != ImageStatus::deleted) {
        image.status = ImageStatus::ready;
        has_now(op->host, std::get<Image>(answer.value));
    }
    if (op->kind == Kind::register_image) {
        review_all(); // Those that do not have it are to fetch it.
        return finish_registering(op, image, std::move(error));
    }
    finish_upkeep(op, image.id, std::move(error));
}

void Core::Registry::finish_registering(const Op& op,
                                        RegisteredImage& image,
                                        std::optional<Error> error)
{
    if (!error && image.status == ImageStatus::deleted) {
        error = Error{ErrorCode::failed_precondition,
                      "image " + image.name.str() + " was deleted before a host had it",
                      "wrong_state"};
    }
    if (error && is_of_host(*error) && image.status == ImageStatus::registering) {
        auto refused = op->refused;
        refused[op->host] = error->message;
        core_.save_outcome({op->row, core_.outcome_of(op, error)}, [](const Result<>&) {});
        return look_at(op->caller, image.id, refused, op->imaged);
    }
    if (error && error->stable_reason() == "name_taken") {
        error->reason = "image_exists";
    }
    if (error && image.status != ImageStatus::deleted) {
        free_name_of(image);
        image.status = ImageStatus::deleted;
        image.deleted_at = core_.clock_.wall();
    }
    auto shown = complete(core_.fleet_.image(image.name, image.tenant), image.name, image.tenant);
    core_.save_outcome({image, op->row, core_.outcome_of(op, error)},
                       [op, error, shown = std::move(shown)](const Result<>& saved) {
                           if (error) {
                               return op->imaged(*error);
                           }
                           if (!saved) {
                               return op->imaged(
                                   Error{ErrorCode::timeout,
                                         "register image " + op->image.str() +
                                             ": done, but the database has not recorded it yet: " +
                                             saved.error().message,
                                         "outcome_unknown"});
                           }
                           op->imaged(*shown);
                       });
}

void Core::Registry::finish_upkeep(const Op& op,
                                   const common::ImageId& id,
                                   std::optional<Error> error)
{
    const OnHost where{op->host, id};
    if (error) {
        leave_alone(where, *error);
        spdlog::warn("{} of {} on host {}: {}; trying again in {} s",
                     op->row.kind,
                     op->image.str(),
                     op->host.str(),
                     error->message,
                     troubles_.at(where).pause.count());
    } else {
        troubles_.erase(where);
        if (op->kind == Kind::drop_image) {
            doomed_[op->host].erase(id);
        }
    }
    core_.save_outcome({op->row, core_.outcome_of(op, error)}, [](const Result<>&) {});
}

void Core::Registry::has_now(const common::HostName& host, const Image& image)
{
    troubles_.erase({host, image.registration});
    lately_.insert_or_assign({host, image.registration}, Lately{image, core_.clock_.steady()});
    if (auto* known = core_.fleet_.host(host); known != nullptr) {
        review(known->host);
        core_.save_outcome({known->host}, [](const Result<>&) {});
    }
}

} // namespace coordinator
