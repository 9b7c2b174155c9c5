#include "coordinator/core/callers.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

const KnownHost* Callers::host_of(const common::SandboxId& id) const
{
    const auto* const sandbox = fleet_.find(id);
    if (sandbox == nullptr) {
        return nullptr;
    }
    const auto found = fleet_.hosts().find(sandbox->host);
    return found == fleet_.hosts().end() ? nullptr : &found->second;
}

std::size_t Callers::share_of(HostHealth health) const
{
    if (health == HostHealth::suspect || health == HostHealth::lost) {
        return std::max<std::size_t>(1, most_ / 4);
    }
    return fleet_.hosts().size() > 1 ? std::max<std::size_t>(1, most_ * 3 / 4) : most_;
}

Result<> Callers::may_wait(const common::SandboxId& about) const
{
    const auto* const host = host_of(about);
    if (host == nullptr || host->host.health == HostHealth::lost) {
        return {}; // What is lost is waited for by nobody: whoever asks is told so at once.
    }
    const auto same = std::ranges::count_if(
        waiting_, [&](const auto& entry) { return host_of(entry.second.about) == host; });
    const auto share = share_of(host->host.health);
    if (static_cast<std::size_t>(same) < share) {
        return {};
    }
    const auto name = host->host.name.str();
    if (host->host.health == HostHealth::suspect) {
        return Error{ErrorCode::unavailable,
                     fmt::format("sandbox {} is on host {}, which has not been heard for some "
                                 "seconds, and {} requests wait for it already; nothing was done",
                                 about.str(),
                                 name,
                                 same),
                     "host_unreachable"};
    }
    return Error{ErrorCode::rate_limited,
                 fmt::format("{} requests wait for host {} already, as many as may for one of "
                             "several hosts; http_threads bounds them; nothing was done",
                             same,
                             name),
                 "host_busy"};
}

Callers::Ticket Callers::add(const common::SandboxId& about, std::function<void()> give_up)
{
    waiting_.emplace(++last_, Waiting{about, std::move(give_up)});
    return last_;
}

void Callers::tick(const std::function<bool(const common::SandboxId&)>& is_moving)
{
    std::map<const KnownHost*, std::size_t> waited_for;
    std::vector<std::function<void()>> told;
    for (const auto& [ticket, caller] : waiting_) {
        const auto* const host = host_of(caller.about);
        const bool is_away = host != nullptr && (host->host.health == HostHealth::suspect ||
                                                 host->host.health == HostHealth::lost);
        if (is_away && !is_moving(caller.about) &&
            ++waited_for[host] > share_of(host->host.health)) {
            told.push_back(caller.give_up);
        }
    }
    for (const auto& give_up : told) {
        give_up(); // Which removes it.
    }
}

} // namespace coordinator
