// Images of uploaded files: what hosts are to have, and what they are to be rid of.
#include "coordinator/core/registry.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using ImageStatus = RegisteredImage::Status;

namespace {

constexpr std::size_t most_at_once = 4; ///< Hosts that fetch from here for themselves.
constexpr std::ptrdiff_t most_of_a_giver = 2;
constexpr std::chrono::hours sweep_every{1};
constexpr std::chrono::hours forgotten_after{1}; ///< An image that nobody asks for there any more.

} // namespace

void Core::Registry::amend(Host& host)
{
    std::set<common::ImageId> told;
    for (const auto& image : host.facts.images) {
        told.insert(image.registration);
    }
    std::erase_if(lately_, [&](const auto& entry) {
        const auto& [where, lately] = entry;
        return where.first == host.name &&
               (told.contains(where.second) ||
                images_.at(where.second).status != ImageStatus::ready ||
                core_.clock_.steady() - lately.since >= core_.settings_.checkpoint_grace);
    });
    doomed_[host.name].clear();
    review(host);
}

void Core::Registry::review(Host& host)
{
    auto& has = host.facts.images;
    std::set<common::ImageId> there;
    auto changes = std::erase_if(has, [&](const Image& image) {
        const auto found = images_.find(image.registration);
        if (found == images_.end()) {
            return false; // An operator's, one of a checkpoint, or one that no record speaks of.
        }
        there.insert(image.registration);
        if (found->second.status == ImageStatus::deleted) {
            doomed_[host.name].insert(image.registration);
        }
        return found->second.status != ImageStatus::ready;
    });
    for (const auto& [where, lately] : lately_) {
        if (where.first == host.name && !there.contains(where.second) &&
            images_.at(where.second).status == ImageStatus::ready) {
            has.push_back(lately.image);
            ++changes;
            there.insert(where.second);
        }
    }
    if (changes > 0) {
        core_.fleet_.images_changed();
    }
    std::erase_if(asked_for_, [&](const auto& asked) {
        const auto& [where, since] = asked;
        const auto image = images_.find(where.second);
        return where.first == host.name &&
               (there.contains(where.second) || image == images_.end() ||
                image->second.status != ImageStatus::ready ||
                core_.clock_.steady() - since > forgotten_after);
    });
    auto& lacking = lacking_[host.name];
    lacking.clear();
    for (const auto& [name, id] : names_) {
        const auto& image = images_.at(id);
        if (!there.contains(id) && image.status == ImageStatus::ready && is_to_have(host, image)) {
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

void Core::Registry::begin_warming(KnownHost& known)
{
    constexpr std::chrono::minutes patience{10};
    const auto& lacking = lacking_[known.host.name];
    known.warming_for.clear();
    for (const auto& id : lacking) { // What one create asked it for keeps nobody else away.
        if (images_.at(id).prefetch.covers(known.host.wish.labels)) {
            known.warming_for.insert(id);
        }
    }
    known.warming_until = core_.clock_.steady() + patience;
    known.host.warming = true;
    end_warming(known);
}

void Core::Registry::end_warming(KnownHost& known)
{
    const auto& name = known.host.name;
    const auto& lacking = lacking_[name];
    std::erase_if(known.warming_for, [&](const auto& id) {
        return std::ranges::find(lacking, id) == lacking.end() || is_in_trouble({name, id});
    });
    if (known.warming_for.empty() || core_.clock_.steady() >= known.warming_until) {
        known.warming_for.clear();
        known.host.warming = false;
    }
}

/// What a lost host was asked for waits for that host, and nothing else does.
bool Core::Registry::may_fetch_more() const
{
    const auto busy = std::ranges::count_if(under_way_, [this](const auto& one) {
        const auto* known = core_.fleet_.host(one.first);
        return known != nullptr && known->host.health != HostHealth::lost &&
               !givers_.contains(one.second);
    });
    return static_cast<std::size_t>(busy) < most_at_once;
}

/// Of each image, who has it and gives it to other hosts, with the number of those that it is given
/// to now.
void Core::Registry::count_givers()
{
    giving_.clear();
    for (const auto& [name, known] : core_.fleet_.hosts()) {
        const auto& host = known.host;
        const auto& facts = host.facts;
        if (host.health != HostHealth::ready || facts.peer_endpoint.empty() || facts.key.empty()) {
            continue;
        }
        const auto is_it = [&giver = name](const auto& one) { return one.second == giver; };
        const auto busy = std::ranges::count_if(givers_, is_it);
        for (const auto& image : facts.images) {
            if (images_.contains(image.registration)) {
                giving_[image.registration].emplace_back(busy, name);
            }
        }
    }
}

/// The one that gives to fewest.
Core::Registry::Givers Core::Registry::givers_of(const common::ImageId& id) const
{
    const auto found = giving_.find(id);
    if (found == giving_.end()) {
        return {};
    }
    const auto [busy, name] = std::ranges::min(found->second);
    return busy < most_of_a_giver ? Givers{name, false} : Givers{std::nullopt, true};
}

/// One thing at a time, what is to go first: its name may be wanted.
void Core::Registry::tend(const common::HostName& host)
{
    const auto known = core_.fleet_.hosts().find(host);
    if (known == core_.fleet_.hosts().end() || known->second.host.health != HostHealth::ready ||
        under_way_.contains(host)) {
        return;
    }
    const auto ask = [&](Kind kind,
                         const common::ImageId& id,
                         const std::optional<common::HostName>& giver = std::nullopt) {
        const auto& image = images_.at(id);
        const Caller caller{"system:images", image.tenant, common::mint<common::RequestId>()};
        if (giver) {
            ++std::ranges::find(giving_.at(id), *giver, &Giving::second)->first;
        }
        begin(
            kind, caller, host, image, [](const Result<Image>&) {}, giver);
    };
    for (const auto& id : doomed_[host]) {
        if (!leaving_.contains(id) && !is_in_trouble({host, id})) {
            return ask(Kind::drop_image, id);
        }
    }
    // More it could not tell of: it would be asked for ever.
    const auto has = known->second.host.facts.images.size() + doomed_[host].size();
    const bool full = has >= core_.settings_.max_images_per_host;
    for (const auto& id : lacking_[host]) {
        if (images_.at(id).status != ImageStatus::ready || is_in_trouble({host, id})) {
            continue;
        }
        if (!full) {
            const auto givers = givers_of(id);
            if (givers.best || (!givers.all_busy && may_fetch_more())) {
                return ask(Kind::fetch_image, id, givers.best);
            }
            continue; // Its turn comes.
        }
        leave_alone({host, id},
                    {ErrorCode::failed_precondition,
                     "it has " + std::to_string(has) + " images, which is the most",
                     "too_many_images"});
    }
}

/// Another host may do what a lost one was asked for; should it have done it, it has the same
/// image.
void Core::Registry::pass_on_what_lost_hosts_have()
{
    std::vector<Op> waiting;
    for (const auto& [id, op] : core_.pending_) {
        const auto* known = core_.fleet_.host(op->host);
        if (op->kind == Kind::register_image && op->durable && known != nullptr &&
            known->host.health == HostHealth::lost) {
            waiting.push_back(op);
        }
    }
    for (const auto& op : waiting) {
        finish(op,
               {op->host,
                op->row.id,
                Error{ErrorCode::unavailable,
                      "host " + op->host.str() + " is not connected any more",
                      "host_unreachable"},
                {},
                false});
    }
}

void Core::Registry::tick()
{
    pass_on_what_lost_hosts_have();
    std::vector<common::HostName> busy;
    for (const auto& [host, ids] : lacking_) {
        if (!ids.empty() || !doomed_[host].empty()) {
            busy.push_back(host);
        }
    }
    if (!busy.empty()) {
        count_givers();
    }
    for (const auto& host : busy) {
        tend(host);
    }
    for (auto& [name, known] : core_.fleet_.hosts()) {
        if (known.host.warming) {
            end_warming(known);
        }
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
    const auto image = add == nullptr ? images_.end() : images_.find(add->image.id);
    if (image != images_.end() && image->second.status != ImageStatus::deleted) {
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
    if (blobs_.read({add->image.tenant, wish.digest}, wish.offset, size, answer)) {
        core_.counts_.image_bytes += size;
    }
}

} // namespace coordinator
