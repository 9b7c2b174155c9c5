// What time brings.
#include "coordinator/core/core.hpp"

#include "common/log/log.hpp"
#include "coordinator/core/draining.hpp"
#include "coordinator/core/evacuating.hpp"
#include "coordinator/core/fencing.hpp"
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"
#include "coordinator/core/replicating.hpp"
#include "coordinator/core/streams.hpp"

namespace coordinator {

void Core::tick(common::SteadyTime due)
{
    const auto now = clock_.steady();
    watch_hosts(now, now - due);
    callers_.tick([this](const common::SandboxId& id) { return moving_->is_moving(id); });
    expire_sandboxes();
    forget_destroyed();
    resend_overdue();
    send_idle_to_sleep();
    pooling_->tick();
    registry_->tick();
    streams_->tick();
    moving_->tick();
    replicating_->tick();
    draining_->tick();
    evacuating_->tick();
    fencing_->tick();
    flush_unsaved();
    std::erase_if(watches_, [now](const auto& entry) { return entry.second.until < now; });
    loop_->after(settings_.tick, [this, next = now + settings_.tick] { tick(next); });
}

/// While this process stood still it heard nobody, and what they sent may be waiting: that time is
/// not their silence.
void Core::watch_hosts(common::SteadyTime now, common::SteadyTime::duration late)
{
    const auto stood_still = late > settings_.tick ? late : common::SteadyTime::duration{};
    for (auto& [name, known] : fleet_.hosts()) {
        known.last_beat = std::min(now, known.last_beat + stood_still);
        const auto silent = now - known.last_beat;
        auto& health = known.host.health;
        if (silent >= settings_.lost_after) {
            if (health != HostHealth::lost) {
                spdlog::error("host {} is lost: not heard for {} s",
                              name.str(),
                              std::chrono::duration_cast<std::chrono::seconds>(silent).count());
                health = HostHealth::lost;
            }
        } else if (silent >= settings_.suspect_after && health == HostHealth::ready) {
            spdlog::warn("host {} is suspect: its heartbeat is late", name.str());
            health = HostHealth::suspect;
        }
    }
}

/// Destroys what has outlived its time, whatever state it is in, and asks again for
/// destroys that were not finished.
void Core::expire_sandboxes()
{
    const auto now = clock_.wall();
    std::vector<std::pair<common::SandboxId, const char*>> due;
    for (const auto& [id, sandbox] : fleet_.sandboxes()) {
        if (sandbox.phase != Phase::destroyed && sandbox.desired != Desired::destroyed &&
            sandbox.expires_at && *sandbox.expires_at <= now && !moving_->is_moving(id)) {
            due.emplace_back(id, "system:janitor");
        }
    }
    for (auto entry = destroy_again_.begin(); entry != destroy_again_.end();) {
        const auto* sandbox = fleet_.find(entry->first);
        if (sandbox == nullptr || sandbox->phase == Phase::destroyed) {
            entry = destroy_again_.erase(entry);
        } else if (entry->second <= clock_.steady()) {
            due.emplace_back(entry->first, "system:reconciler");
            entry = destroy_again_.erase(entry);
        } else {
            ++entry;
        }
    }
    for (const auto& [id, actor] : due) {
        const Caller caller{actor, fleet_.find(id)->tenant, common::mint<common::RequestId>()};
        begin_destroy(caller, id, [id = id](const common::Result<Sandbox>& result) {
            if (!result) {
                spdlog::warn("destroy of {} goes on: {}", id.str(), result.error().message);
            }
        });
    }
}

/// Seldom: it looks at all of them, and none is in a hurry.
void Core::forget_destroyed()
{
    constexpr std::uint64_t every = 20;
    if (ticks_++ % every != 0) {
        return;
    }
    const auto oldest = clock_.wall() - settings_.keep_destroyed;
    std::vector<common::SandboxId> old;
    for (const auto& [id, sandbox] : fleet_.sandboxes()) {
        const bool is_over = sandbox.deleted_at && *sandbox.deleted_at < oldest;
        if (is_over && sandbox.left_host.empty() && sandbox.remains_on.empty() &&
            !dirty_.contains(id) && !pending_of_.contains(id)) {
            old.push_back(id);
        }
    }
    for (const auto& id : old) {
        fleet_.erase(id);
    }
    if (writing_.unsaved.empty()) { // Or an older word about one might be the last that is written.
        checkpoints_.forget(oldest);
    }
    std::erase_if(fresh_, [now = clock_.steady(), this](const auto& entry) {
        return now - entry.second >= settings_.checkpoint_grace;
    });
}

/// Those that somebody needs now, or that are deleted already, are left to the next time.
void Core::delete_old_snapshots()
{
    if (settings_.snapshot_max_age == std::chrono::hours{0}) {
        return;
    }
    const auto oldest = clock_.wall() - settings_.snapshot_max_age;
    std::vector<Checkpoint> due;
    for (const auto& [id, sandbox] : fleet_.sandboxes()) {
        if (!sandbox.pool.empty() || sandbox.phase == Phase::destroyed || moving_->is_moving(id)) {
            continue;
        }
        for (auto& checkpoint : checkpoints_.listed(id)) {
            if (checkpoint.status == Checkpoint::Status::ready && checkpoint.created_at < oldest &&
                !checkpoints_.is_held(checkpoint.id) && !about(checkpoint.id)) {
                due.push_back(std::move(checkpoint));
            }
        }
    }
    for (const auto& checkpoint : due) {
        const Caller caller{"system:janitor", checkpoint.tenant, common::mint<common::RequestId>()};
        begin_delete(caller, checkpoint, [name = checkpoint.name](const auto& deleted) {
            if (!deleted) {
                spdlog::warn(
                    "the old snapshot {} stays for now: {}", name, deleted.error().message);
            }
        });
    }
    loop_->after(settings_.old_snapshots_every, [this] { delete_old_snapshots(); });
}

void Core::resend_overdue()
{
    const auto now = clock_.steady();
    std::vector<Op> overdue;
    stranded_ = 0;
    for (const auto& [id, op] : pending_) {
        const auto* host = fleet_.host(op->host);
        stranded_ += host != nullptr && host->host.health == HostHealth::lost ? 1 : 0;
        if (op->dispatched && now - op->sent >= settings_.resend_after && host != nullptr &&
            host->host.health == HostHealth::ready) {
            overdue.push_back(op);
        }
    }
    for (const auto& op : overdue) {
        send_again(op);
    }
}

} // namespace coordinator
