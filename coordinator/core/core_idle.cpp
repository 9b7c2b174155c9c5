// Sandboxes that nobody uses are paused, and later suspended.
#include "coordinator/core/core.hpp"

#include "common/log/log.hpp"

namespace coordinator {

namespace {

constexpr const char* idle_actor = "system:idle";

} // namespace

/// Somebody asked something of it. What its host says of its state is no use of it.
void Core::touch(const Caller& caller, const common::SandboxId& id)
{
    if (const auto entry = activity_.find(id);
        entry != activity_.end() && living(caller, id)) { // Not by another tenant.
        entry->second.last = clock_.steady();
    }
}

/// Their guests use the network. Nothing is written down: it comes again and again. What a host
/// says of another's sandboxes keeps none of them awake.
void Core::on_activity(const HostActivity& event)
{
    for (const auto& id : event.sandboxes) {
        const auto* sandbox = fleet_.find(id);
        if (const auto entry = activity_.find(id);
            entry != activity_.end() && sandbox != nullptr && sandbox->host == event.host) {
            entry->second.last = clock_.steady();
        }
    }
}

void Core::send_idle_to_sleep()
{
    constexpr std::chrono::milliseconds never{0};
    const auto pause_after = settings_.idle_pause_after;
    const auto suspend_after = settings_.idle_suspend_after;
    if (pause_after == never && suspend_after == never) {
        return;
    }
    const auto now = clock_.steady();
    std::vector<std::pair<Sandbox, Phase>> due;
    for (const auto& [id, sandbox] : fleet_.sandboxes()) {
        const bool awake = sandbox.phase == Phase::running || sandbox.phase == Phase::paused;
        if (!awake || sandbox.desired == Desired::destroyed || !sandbox.pool.empty()) {
            activity_.erase(id);
            continue;
        }
        auto& activity = activity_.try_emplace(id, Activity{now}).first->second;
        if (const auto under_way = pending_of_.find(id); under_way != pending_of_.end()) {
            if (pending_.at(under_way->second)->caller.actor != idle_actor) {
                activity.last = now; // Counts from its end.
            }
            continue;
        }
        if (activity.falling_asleep) {
            continue; // Not even while the end of the last try is being written down.
        }
        const auto idle = now - activity.last;
        const bool may_suspend = suspend_after != never && sandbox.disk == DiskKind::durable;
        if (may_suspend && idle >= suspend_after) {
            due.emplace_back(sandbox, Phase::suspended);
        } else if (pause_after != never && idle >= pause_after && sandbox.phase == Phase::running) {
            due.emplace_back(sandbox, Phase::paused);
        }
    }
    std::erase_if(activity_,
                  [this](const auto& entry) { return fleet_.find(entry.first) == nullptr; });
    for (const auto& [sandbox, to] : due) {
        const Caller caller{idle_actor, sandbox.tenant, common::mint<common::RequestId>()};
        activity_.at(sandbox.id).falling_asleep = true;
        const auto slept = [this, caller, id = sandbox.id](const common::Result<Sandbox>& result) {
            if (const auto entry = activity_.find(id); entry != activity_.end()) {
                entry->second.falling_asleep = false;
            }
            if (!result) {
                spdlog::warn("idle sandbox {} stays awake: {}", id.str(), result.error().message);
                touch(caller, id); // Not at every tick.
            }
        };
        if (to == Phase::paused) {
            begin_pause(caller, sandbox.id, slept);
        } else {
            begin_suspend(caller, sandbox.id, slept);
        }
    }
}

} // namespace coordinator
