// Hosts that are to be emptied.
#include "coordinator/core/draining.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::Result;

namespace {

/// More would share the same disk and the same way.
constexpr std::size_t most_at_once = 2;
/// Until what would not move is tried again: what is in use may be quiet soon, a host that is full
/// gets room when something else goes.
constexpr std::chrono::seconds pause_while_busy{2};
constexpr std::chrono::seconds pause_after_failure{15};

} // namespace

void Core::Draining::changed(const common::HostName& host)
{
    auto& here = hosts_[host];
    moving_.forgive(host);
    here.troubles.clear();
    here.moved = 0;
    here.told = false;
}

/// Those of pools are the pools' business.
std::vector<common::SandboxId> Core::Draining::left_on(const common::HostName& host) const
{
    auto all = core_.fleet_.on(host);
    std::erase_if(all, [this](const auto& id) { return !core_.fleet_.find(id)->pool.empty(); });
    return all;
}

/// Of those under way how many are its own still: what arrives elsewhere is that host's business.
std::size_t Core::Draining::leaving(const common::HostName& host, const OnHost& here) const
{
    return static_cast<std::size_t>(
        std::ranges::count_if(here.under_way, [this, &host](const auto& id) {
            const auto* sandbox = core_.fleet_.find(id);
            return sandbox != nullptr && sandbox->host == host;
        }));
}

/// Also of what has left it: as long as that is there it may even come back.
bool Core::Draining::has_remains(const common::HostName& host) const
{
    return !core_.fleet_.on(host).empty() ||
           std::ranges::any_of(core_.fleet_.sandboxes(),
                               [&host](const auto& entry) { return is_left(entry.second, host); });
}

std::optional<DrainProgress> Core::Draining::progress(const Host& host) const
{
    if (!host.wish.drain) {
        return std::nullopt;
    }
    DrainProgress progress;
    const auto found = hosts_.find(host.name);
    const OnHost none;
    const auto& here = found == hosts_.end() ? none : found->second;
    const auto left = left_on(host.name);
    progress.moved = here.moved;
    progress.remaining = static_cast<unsigned>(left.size());
    for (const auto& id : left) {
        DrainProgress::Left one{id, core_.fleet_.find(id)->tenant, "waiting", ""};
        if (host.health != HostHealth::ready) {
            one.reason = "host_unreachable";
            one.message = "its host is " + std::string{to_string(host.health)};
        }
        if (const auto trouble = here.troubles.find(id); moving_.is_moving(id)) {
            one.reason = "moving";
        } else if (trouble != here.troubles.end()) {
            one.reason = trouble->second.error.stable_reason();
            one.message = trouble->second.error.message;
        }
        progress.left.push_back(std::move(one));
    }
    for (const auto& [id, sandbox] : core_.fleet_.sandboxes()) {
        if (is_left(sandbox, host.name)) {
            const bool arrives = moving_.is_arriving(id);
            progress.left.push_back({id,
                                     sandbox.tenant,
                                     arrives ? "arriving" : "leaving",
                                     arrives ? "it is being made on host " + sandbox.host.str()
                                             : "what it was made of here is being removed"});
        }
    }
    if (!has_remains(host.name)) {
        progress.state = DrainProgress::State::drained;
    } else if (core_.clock_.wall() >= host.wish.drain->until &&
               (leaving(host.name, here) == 0 || host.health == HostHealth::lost)) {
        progress.state = DrainProgress::State::incomplete;
    }
    return progress;
}

void Core::Draining::tick()
{
    for (const auto& [name, known] : core_.fleet_.hosts()) {
        if (!known.host.wish.drain) {
            continue;
        }
        auto& here = hosts_[name];
        tend(known.host, here);
        const auto how = progress(known.host);
        // Before this process began, another may have told of it.
        const bool is_old = known.host.wish.drain->since < began_ && how->moved == 0;
        if (how->state == DrainProgress::State::draining) {
            here.told = false;
        } else if (!std::exchange(here.told, true) && !is_old) {
            tell_of_end(name, *how);
        }
    }
}

void Core::Draining::tell_of_end(const common::HostName& host, const DrainProgress& how)
{
    const bool is_empty = how.state == DrainProgress::State::drained;
    spdlog::info("host {} is {}: {} sandboxes have moved, {} are left",
                 host.str(),
                 to_string(how.state),
                 how.moved,
                 how.remaining);
    core_.save_outcome({AuditRow{AuditRow::Kind::outcome,
                                 "host.drained",
                                 {"system:drain", "", common::mint<common::RequestId>()},
                                 {},
                                 host.str(),
                                 host.str(),
                                 is_empty ? "ok" : "incomplete",
                                 detail_of({{"moved", std::to_string(how.moved)},
                                            {"left", std::to_string(how.remaining)}})}},
                       [](const Result<>&) {});
}

void Core::Draining::tend(const Host& host, OnHost& here)
{
    const auto now = core_.clock_.steady();
    const bool too_late = core_.clock_.wall() >= host.wish.drain->until;
    if (too_late || host.health != HostHealth::ready) {
        return;
    }
    for (const auto& id : left_on(host.name)) {
        if (leaving(host.name, here) >= most_at_once) {
            return;
        }
        const auto trouble = here.troubles.find(id);
        const bool rests = trouble != here.troubles.end() && now < trouble->second.until;
        if (!here.under_way.contains(id) && !rests) {
            begin(host.name, Sandbox{*core_.fleet_.find(id)});
        }
    }
}

void Core::Draining::begin(const common::HostName& host, const Sandbox& sandbox)
{
    hosts_[host].under_way.insert(sandbox.id);
    const Caller caller{"system:drain", sandbox.tenant, common::mint<common::RequestId>()};
    moving_.begin(caller, sandbox.id, [this, host, id = sandbox.id](const Result<Sandbox>& moved) {
        auto& here = hosts_[host];
        here.under_way.erase(id);
        here.troubles.erase(id);
        const auto* now = core_.fleet_.find(id);
        if (now == nullptr || now->phase == Phase::destroyed) {
            return;
        }
        if (now->host != host) {
            ++here.moved;
        } else if (!moved) {
            const auto why = moved.error().stable_reason();
            const bool soon =
                why == "busy" || why == "moving" || why == "leaving" || why == "image_fetching";
            const auto pause = soon ? pause_while_busy : pause_after_failure;
            here.troubles.emplace(id, Trouble{moved.error(), core_.clock_.steady() + pause});
        }
    });
}

} // namespace coordinator
