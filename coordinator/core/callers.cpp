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
    const auto same = waiting_for(host->host.name);
    if (same < share_of(host->host.health)) {
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

Result<> Callers::may_wait_for_all() const
{
    const auto same = waiting_for({});
    const auto share = share_of(HostHealth::ready);
    const bool is_one_full = std::ranges::any_of(
        counts_, [&](const auto& counted) { return waiting_for(counted.first) >= share; });
    if (!is_one_full && same < std::max<std::size_t>(1, most_ / 4)) {
        return {};
    }
    return Error{ErrorCode::rate_limited,
                 fmt::format("{} requests wait for an answer of each host already, as many as may; "
                             "http_threads bounds them",
                             same),
                 "host_busy"};
}

std::size_t Callers::waiting_for(const common::HostName& host) const
{
    const auto known = [this](const common::HostName& name) {
        const auto found = counts_.find(name);
        return found == counts_.end() ? 0 : found->second;
    };
    return known(host) + (host.empty() ? 0 : known({}));
}

Callers::Ticket Callers::add(const common::SandboxId& about, std::function<void()> give_up)
{
    Waiting one{about, {}, std::move(give_up)};
    count(one);
    waiting_.emplace(++last_, std::move(one));
    return last_;
}

std::optional<common::HostName> Callers::counted_for(const common::SandboxId& id) const
{
    if (id.empty()) {
        return common::HostName{};
    }
    const auto* const host = host_of(id);
    return host == nullptr ? std::nullopt : std::optional{host->host.name};
}

void Callers::count(Waiting& waiting)
{
    waiting.host = counted_for(waiting.about);
    if (waiting.host) {
        ++counts_[*waiting.host];
    }
}

void Callers::remove(Ticket ticket)
{
    const auto gone = waiting_.extract(ticket);
    if (!gone || !gone.mapped().host) {
        return;
    }
    const auto counted = counts_.find(*gone.mapped().host);
    if (--counted->second == 0) {
        counts_.erase(counted);
    }
}

void Callers::clear()
{
    waiting_.clear();
    counts_.clear();
}

Callers::Full Callers::full() const
{
    const auto most = share_of(HostHealth::ready);
    Full found;
    if (waiting_.size() < most) {
        return found; // Of any one.
    }
    const auto for_all = waiting_for({});
    for (const auto& [host, count] : counts_) {
        if (count + for_all >= most && !host.empty()) {
            found.emplace(host, fmt::format("{} requests wait for it already", count + for_all));
        }
    }
    return found;
}

/// Some may have moved.
void Callers::recount()
{
    counts_.clear();
    for (auto& [ticket, caller] : waiting_) {
        count(caller);
    }
}

void Callers::tick(const std::function<bool(const common::SandboxId&)>& is_moving)
{
    recount();
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
