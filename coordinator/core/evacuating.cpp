// Hosts that are gone.
#include "coordinator/core/evacuating.hpp"

#include "common/log/log.hpp"

#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// They boot, or load their memory, at once; their new hosts bound that themselves.
constexpr std::size_t most_revived_at_once = 8;
constexpr std::chrono::seconds pause_before_reviving_again{15};
/// A host counts from when it sent what was heard here, and needs a moment to do it.
constexpr std::chrono::seconds fence_slack{10};

Error not_begun(const Host& host, const std::string& why, const char* reason)
{
    return {ErrorCode::failed_precondition,
            fmt::format("evacuate host {}: {}", host.name.str(), why),
            reason};
}

} // namespace

Result<> Core::Evacuating::may_begin(const KnownHost& known, bool powered_off) const
{
    const auto& host = known.host;
    if (host.health != HostHealth::lost) {
        return not_begun(
            host,
            fmt::format("it is {}; what is there moves by draining it", health_of(host)),
            "host_not_lost");
    }
    if (powered_off) {
        return {};
    }
    const auto& facts = host.facts;
    if (facts.fence_after.count() == 0 ||
        (facts.fence_action != "pause" && facts.fence_action != "stop")) {
        return not_begun(host,
                         "what is there may run on, since it does not fence itself (fence: keep); "
                         "make sure that it is off, and say so with powered_off",
                         "not_fenced");
    }
    const auto left = facts.fence_after + fence_slack - (core_.clock_.steady() - known.last_beat);
    if (left.count() > 0) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(left);
        return not_begun(host,
                         fmt::format("what is there may run on until it has fenced itself; it has "
                                     "in {} s, or make sure that it is off and say so with "
                                     "powered_off",
                                     seconds.count()),
                         "not_fenced");
    }
    return {};
}

/// Those of pools are the pools' business, and what is to be destroyed is as good as gone.
std::vector<common::SandboxId> Core::Evacuating::left_on(const common::HostName& host) const
{
    auto all = core_.fleet_.on(host);
    std::erase_if(all, [this](const auto& id) {
        const auto& sandbox = *core_.fleet_.find(id);
        return !sandbox.pool.empty() || sandbox.desired == Desired::destroyed;
    });
    return all;
}

std::optional<EvacuationProgress> Core::Evacuating::progress(const Host& host) const
{
    if (!host.wish.evacuation) {
        return std::nullopt;
    }
    EvacuationProgress progress;
    const auto found = hosts_.find(host.name);
    const OnHost none;
    const auto& here = found == hosts_.end() ? none : found->second;
    progress.moved = here.moved;
    progress.state = EvacuationProgress::State::evacuated;
    for (const auto& id : left_on(host.name)) {
        DrainProgress::Left one{id, core_.fleet_.find(id)->tenant, "waiting", ""};
        const auto trouble = here.troubles.find(id);
        bool is_kept = true;
        if (host.health != HostHealth::lost) {
            one.reason = "host_back";
            one.message = "its host is back, and it is there as it was";
        } else if (trouble != here.troubles.end()) {
            one.reason = trouble->second.error.stable_reason();
            one.message = trouble->second.error.message;
        } else {
            one.reason = here.under_way.contains(id) ? "moving" : one.reason;
            is_kept = false;
        }
        if (!is_kept) {
            progress.state = EvacuationProgress::State::evacuating;
        } else if (progress.state == EvacuationProgress::State::evacuated) {
            progress.state = EvacuationProgress::State::incomplete;
        }
        ++progress.remaining;
        progress.left.push_back(std::move(one));
    }
    for (const auto& [id, sandbox] : core_.fleet_.sandboxes()) {
        if (sandbox.left_host == host.name && sandbox.desired != Desired::destroyed &&
            moving_.is_arriving(id)) {
            ++progress.remaining;
            progress.state = EvacuationProgress::State::evacuating;
            progress.left.push_back(
                {id, sandbox.tenant, "arriving", "it is being made on host " + sandbox.host.str()});
        }
    }
    return progress;
}

void Core::Evacuating::tick()
{
    for (const auto& [name, known] : core_.fleet_.hosts()) {
        if (!known.host.wish.evacuation) {
            continue;
        }
        auto& here = hosts_[name];
        if (known.host.health == HostHealth::lost) {
            tend(name, here);
        }
        const auto how = progress(known.host);
        if (how->state == EvacuationProgress::State::evacuating) {
            here.told = false;
        } else if (!std::exchange(here.told, true)) {
            spdlog::info("host {} is {}: {} sandboxes were brought back elsewhere, {} are left",
                         name.str(),
                         to_string(how->state),
                         how->moved,
                         how->remaining);
        }
    }
}

void Core::Evacuating::tend(const common::HostName& host, OnHost& here)
{
    const auto now = core_.clock_.steady();
    for (const auto& id : left_on(host)) {
        if (here.under_way.size() >= most_revived_at_once) {
            return;
        }
        const auto trouble = here.troubles.find(id);
        const bool rests = trouble != here.troubles.end() && now < trouble->second.until;
        if (!here.under_way.contains(id) && !rests) {
            begin(host, id);
        }
    }
}

void Core::Evacuating::begin(const common::HostName& host, const common::SandboxId& id)
{
    hosts_[host].under_way.insert(id);
    const Caller caller{
        "system:evacuate", core_.fleet_.find(id)->tenant, common::mint<common::RequestId>()};
    moving_.revive(caller, id, [this, host, id](const Result<Sandbox>& revived) {
        auto& here = hosts_[host];
        here.under_way.erase(id);
        const auto* now = core_.fleet_.find(id);
        if (now == nullptr || now->phase == Phase::destroyed) {
            here.troubles.erase(id);
        } else if (now->host != host) {
            here.troubles.erase(id);
            ++here.moved;
        } else if (!revived) {
            here.troubles.insert_or_assign(
                id, Trouble{revived.error(), core_.clock_.steady() + pause_before_reviving_again});
        }
    });
}

} // namespace coordinator
