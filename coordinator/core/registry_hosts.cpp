// Images of uploaded files: what hosts are to have, and what they are to be rid of.
#include "coordinator/core/registry.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using Status = RegisteredImage::Status;

namespace {

constexpr std::size_t most_at_once = 4; ///< Hosts that fetch for themselves.
constexpr std::chrono::seconds first_pause{5};
constexpr std::chrono::seconds longest_pause{300};
constexpr std::chrono::hours sweep_every{1};

/// The host, and nothing about the image, is to blame: another one may do.
bool is_of_host(const Error& error)
{
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::resource_exhausted ||
           error.code == ErrorCode::unimplemented;
}

} // namespace

/// The one with most room, of those that take what is new if there are any.
std::optional<common::HostName>
Core::Registry::best_host(const std::map<common::HostName, std::string>& refused) const
{
    const Host* best = nullptr;
    for (const auto& [name, known] : core_.fleet_.hosts()) {
        const auto& host = known.host;
        if (host.health != HostHealth::ready || refused.contains(name) ||
            host.facts.images.size() >= core_.settings_.max_images_per_host) {
            continue;
        }
        const auto rank = [](const Host& one) {
            return std::pair{!one.wish.cordoned, one.facts.disk_free};
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
    const auto host = best_host(refused);
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
                         const Done& done)
{
    Sandbox nobody;
    nobody.host = host;
    decltype(HostCommand::what) what = AddImageOnHost{image};
    if (kind == Kind::drop_image) {
        what = RemoveImageOnHost{image.name, image.tenant, image.id};
    }
    const auto op = core_.begin_operation(kind, caller, nobody, std::move(what));
    op->image = image.name;
    op->registration = image.id;
    op->imaged = done;
    under_way_.try_emplace(host, op->row.id);
    std::vector<coordinator::Change> changes{
        op->row,
        core_.intent_of(op,
                        detail_of({{"image_id", image.id.str()}, {"digest", image.disk.digest}}))};
    if (kind == Kind::register_image) {
        changes.emplace_back(image);
    }
    core_.save(std::move(changes), [this, op](const Result<>& saved) {
        if (saved || saved.error().code == ErrorCode::timeout) {
            op->durable = true;
            return core_.dispatch(op);
        }
        // As if it had never been begun.
        core_.retire(op);
        std::erase_if(under_way_, [&op](const auto& one) { return one.second == op->row.id; });
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

void Core::Registry::leave_alone(const OnHost& where, const Error& error)
{
    auto& trouble = troubles_[where];
    trouble.error = error.message;
    trouble.pause = std::clamp(trouble.pause * 2, first_pause, longest_pause);
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
    std::erase_if(under_way_, [&op](const auto& one) { return one.second == op->row.id; });
    auto error = failure(op, answer);
    core_.close(op, error);
    auto& image = images_.at(op->registration);
    if (!error && op->kind != Kind::drop_image && image.status != Status::deleted) {
        image.status = Status::ready;
        has_now(op->host, std::get<Image>(answer.value));
        review_all(); // Those that do not have it are to fetch it.
    }
    if (op->kind == Kind::register_image) {
        return finish_registering(op, image, std::move(error));
    }
    finish_upkeep(op, image.id, std::move(error));
}

void Core::Registry::finish_registering(const Op& op,
                                        RegisteredImage& image,
                                        std::optional<Error> error)
{
    if (!error && image.status == Status::deleted) {
        error = Error{ErrorCode::failed_precondition,
                      "image " + image.name.str() + " was deleted before a host had it",
                      "wrong_state"};
    }
    if (error && is_of_host(*error) && image.status == Status::registering) {
        auto refused = op->refused;
        refused[op->host] = error->message;
        core_.save_outcome({op->row, core_.outcome_of(op, error)}, [](const Result<>&) {});
        return look_at(op->caller, image.id, refused, op->imaged);
    }
    if (error && error->stable_reason() == "name_taken") {
        error->reason = "image_exists";
    }
    if (error && image.status != Status::deleted) {
        free_name_of(image);
        image.status = Status::deleted;
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

void Core::Registry::amend(Host& host)
{
    std::set<common::ImageId> told;
    for (const auto& image : host.facts.images) {
        told.insert(image.registration);
    }
    std::erase_if(lately_, [&](const auto& entry) {
        const auto& [where, lately] = entry;
        return where.first == host.name &&
               (told.contains(where.second) || images_.at(where.second).status != Status::ready ||
                core_.clock_.steady() - lately.since >= core_.settings_.checkpoint_grace);
    });
    doomed_[host.name].clear();
    review(host);
}

void Core::Registry::review(Host& host)
{
    auto& has = host.facts.images;
    std::set<common::ImageId> there;
    std::erase_if(has, [&](const Image& image) {
        const auto found = images_.find(image.registration);
        if (found == images_.end()) {
            return false; // An operator's, one of a checkpoint, or one that no record speaks of.
        }
        there.insert(image.registration);
        if (found->second.status == Status::deleted) {
            doomed_[host.name].insert(image.registration);
        }
        return found->second.status != Status::ready;
    });
    for (const auto& [where, lately] : lately_) {
        if (where.first == host.name && !there.contains(where.second) &&
            images_.at(where.second).status == Status::ready) {
            has.push_back(lately.image);
            there.insert(where.second);
        }
    }
    auto& lacking = lacking_[host.name];
    lacking.clear();
    for (const auto& [name, id] : names_) {
        if (!there.contains(id) && images_.at(id).status == Status::ready) {
            lacking.push_back(id);
        }
    }
}

void Core::Registry::review_all()
{
    for (auto& [name, known] : core_.fleet_.hosts()) {
        review(known.host);
    }
}

bool Core::Registry::is_in_trouble(const OnHost& where) const
{
    const auto trouble = troubles_.find(where);
    return trouble != troubles_.end() && core_.clock_.steady() < trouble->second.until;
}

/// What a lost host was asked for waits for that host, and nothing else does.
bool Core::Registry::may_fetch_more() const
{
    const auto busy = std::ranges::count_if(under_way_, [this](const auto& one) {
        const auto* known = core_.fleet_.host(one.first);
        return known != nullptr && known->host.health != HostHealth::lost;
    });
    return static_cast<std::size_t>(busy) < most_at_once;
}

/// One thing at a time, what is to go first: its name may be wanted.
void Core::Registry::tend(const common::HostName& host)
{
    const auto known = core_.fleet_.hosts().find(host);
    if (known == core_.fleet_.hosts().end() || known->second.host.health != HostHealth::ready ||
        under_way_.contains(host)) {
        return;
    }
    const auto ask = [&](Kind kind, const common::ImageId& id) {
        const auto& image = images_.at(id);
        const Caller caller{"system:images", image.tenant, common::mint<common::RequestId>()};
        begin(kind, caller, host, image, [](const Result<Image>&) {});
    };
    for (const auto& id : doomed_[host]) {
        if (!leaving_.contains(id) && !is_in_trouble({host, id})) {
            return ask(Kind::drop_image, id);
        }
    }
    if (!may_fetch_more()) {
        return;
    }
    for (const auto& id : lacking_[host]) {
        if (images_.at(id).status == Status::ready && !is_in_trouble({host, id})) {
            return ask(Kind::fetch_image, id);
        }
    }
}

void Core::Registry::tick()
{
    std::vector<common::HostName> busy;
    for (const auto& [host, ids] : lacking_) {
        if (!ids.empty() || !doomed_[host].empty()) {
            busy.push_back(host);
        }
    }
    for (const auto& host : busy) {
        tend(host);
    }
    if (core_.clock_.steady() - swept_ >= sweep_every) {
        swept_ = core_.clock_.steady();
        sweep_blobs();
    }
}

/// A host is given what it was told to fetch, and nothing else.
void Core::Registry::on_wanted(const HostWantsPiece& wish)
{
    const auto found = core_.pending_.find(wish.operation);
    const bool asked = found != core_.pending_.end() && found->second->host == wish.host;
    const auto* add = asked ? std::get_if<AddImageOnHost>(&found->second->command.what) : nullptr;
    const Blob* blob = nullptr;
    if (add != nullptr) {
        for (const auto* one : {&add->image.disk, &add->image.kernel, &add->image.initrd}) {
            blob = one->digest == wish.digest ? one : blob;
        }
    }
    const auto answer = [&link = core_.link_, wish](Result<std::string> data) {
        HostCommand command;
        command.operation = common::mint<common::OperationId>();
        command.request = common::mint<common::RequestId>();
        command.what = PieceOnHost{wish.operation, wish.digest, wish.offset, std::move(data)};
        // If it does not arrive it is asked for again.
        static_cast<void>(link.send(wish.host, std::move(command)));
    };
    if (blob == nullptr || wish.offset >= blob->size.count()) {
        return answer(
            Error{ErrorCode::not_found,
                  "this is not for host " + wish.host.str() + " to fetch, or not any more",
                  "unknown_blob"});
    }
    const auto left = blob->size.count() - wish.offset;
    const auto size = static_cast<std::uint32_t>(std::min<std::uint64_t>(wish.size, left));
    // One that is not taken is asked for again.
    static_cast<void>(blobs_.read({add->image.tenant, wish.digest}, wish.offset, size, answer));
}

} // namespace coordinator
