// Stop and destroy.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;

void SandboxService::stop(const Op& op)
{
    const auto& command = std::get<StopCommand>(op->command.what);
    const auto id = command.id;
    auto* sandbox = current(op, id);
    if (sandbox == nullptr) {
        return;
    }
    record_generation(op, *sandbox);
    if (sandbox->stop && !command.force) {
        sandbox->stop->waiting.push_back(op);
        return;
    }
    in_lane_of(op, id, [this, op, id](Sandbox& now) {
        const auto& wish = std::get<StopCommand>(op->command.what);
        if (!held_.is_closed()) {
            no_longer_held(now);
        }
        if (now.status.phase == Phase::stopped || now.status.phase == Phase::created) {
            answer(op, now.status);
            return leave_lane(id);
        }
        if (now.status.phase == Phase::suspended) {
            return drop_suspended_in_lane(op, id);
        }
        if (now.status.phase != Phase::paused || wish.force || held_.is_closed()) {
            return stop_in_lane(op, now);
        }
        // It cannot power off without a CPU.
        const auto incarnation = now.status.incarnation;
        blocking([this, id, incarnation] { return ports_.hypervisor.go_on(id, incarnation); },
                 [this, op, id](const common::Result<>& resumed) {
                     auto& stopping = table_.at(id);
                     if (resumed) {
                         apply(stopping, DomainState::running);
                     } else {
                         spdlog::warn("ignoring that {} cannot go on before it is stopped: {}",
                                      id.str(),
                                      resumed.error().message);
                     }
                     stop_in_lane(op, stopping);
                 });
    });
}

void SandboxService::stop_in_lane(const Op& op, Sandbox& sandbox)
{
    const auto& wish = std::get<StopCommand>(op->command.what);
    const auto id = sandbox.status.spec.id;
    end_boot(
        sandbox,
        {ErrorCode::failed_precondition, id.str() + " was stopped while it booted", "stopped"});
    const auto begun = ports_.clock.steady();
    if (!sandbox.stop) {
        sandbox.stop = Stop{};
        sandbox.status.phase = Phase::stopping;
        publish(sandbox);
    }
    sandbox.stop->waiting.push_back(op);
    sandbox.stop->kill_at = wish.force ? begun : begun + wish.timeout;
    sandbox.stop->acpi_at = begun + wish.timeout / 2;
    const bool agent_asked = !wish.force && sandbox.status.agent == AgentKind::paddock &&
                             sandbox.status.agent_ready && ports_.guests.request_shutdown(id);
    if (!agent_asked) {
        sandbox.stop->acpi_at = begun;
    }
    leave_lane(id);
    look_at_stop(id);
}

void SandboxService::look_at_stop(const common::SandboxId& id)
{
    auto* sandbox = find(id);
    if (sandbox == nullptr || !sandbox->stop) {
        return;
    }
    const auto now = ports_.clock.steady();
    if (now >= sandbox->stop->kill_at) {
        return kill(id);
    }
    if (now >= sandbox->stop->acpi_at && !std::exchange(sandbox->stop->acpi_asked, true)) {
        in_lane(id, [this, id] {
            blocking([this, id] { return ports_.hypervisor.request_shutdown(id); },
                     [this, id](const common::Result<>& asked) {
                         if (!asked) {
                             spdlog::warn("ignoring that {} could not be asked to power off: {}",
                                          id.str(),
                                          asked.error().message);
                         }
                         leave_lane(id);
                     });
        });
    } else {
        refresh(id); // An event says so sooner; this is for when none comes.
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(sandbox->stop->kill_at - now);
    loop_->after(std::min(left, settings_.stop_poll), [this, id] { look_at_stop(id); });
}

void SandboxService::kill(const common::SandboxId& id)
{
    in_lane(id, [this, id] {
        if (const auto* found = find(id); found == nullptr || !found->stop) {
            return leave_lane(id);
        }
        blocking(
            [this, id] {
                auto killed = ports_.hypervisor.kill(id);
                if (killed) {
                    keeper_.forget_suspended(id);
                }
                return killed;
            },
            [this, id](common::Result<> killed) {
                auto& sandbox = table_.at(id);
                if (killed) {
                    apply(sandbox, DomainState::stopped);
                } else {
                    auto error = std::move(killed).error().during("stop " + id.str());
                    end_stop(sandbox, error);
                    refresh(id);
                }
                leave_lane(id);
            });
    });
}

void SandboxService::end_stop(Sandbox& sandbox, const std::optional<Error>& error)
{
    if (!sandbox.stop) {
        return;
    }
    const auto stop = *std::exchange(sandbox.stop, std::nullopt);
    for (const auto& op : stop.waiting) {
        if (error) {
            fail(op, *error);
        } else {
            answer(op, sandbox.status);
        }
    }
}

void SandboxService::destroy(const Op& op)
{
    const auto id = std::get<DestroyCommand>(op->command.what).id;
    if (const auto* sandbox = find(id); sandbox != nullptr && is_stale(op, *sandbox)) {
        return;
    }
    in_lane(id, [this, op, id] {
        NetLease lease;
        if (auto* sandbox = find(id); sandbox != nullptr) {
            const Error gone{
                ErrorCode::failed_precondition, id.str() + " was destroyed", "destroyed"};
            end_boot(*sandbox, gone);
            end_stop(*sandbox, gone);
            detach(*sandbox);
            sandbox->status.generation =
                std::max(sandbox->status.generation, op->command.generation);
            sandbox->status.phase = Phase::stopping;
            lease = sandbox->status.net;
        }
        // Also for what is not in the table: something may be left that nobody knows of. All of it
        // here, in its lane: what comes to this host under its id later is something else.
        const auto kept = checkpoints_of(id);
        blocking([this, id, lease, kept] { return destroy_all(id, lease, kept); },
                 [this, op, id, kept](common::Result<> result) {
                     auto* sandbox = find(id);
                     if (!result) {
                         auto error = std::move(result).error().during("destroy " + id.str());
                         spdlog::warn("{}", error.message);
                         if (sandbox != nullptr) {
                             sandbox->status.phase = Phase::error;
                             sandbox->status.error = error;
                             publish(*sandbox);
                         }
                         fail(op, std::move(error));
                         return leave_lane(id);
                     }
                     SandboxStatus status;
                     status.spec.id = id;
                     if (sandbox != nullptr) {
                         status = std::move(sandbox->status);
                         erase(id);
                     }
                     for (const auto& checkpoint : kept) {
                         checkpoints_.erase(checkpoint);
                     }
                     sweep_soon();
                     status.phase = Phase::destroyed;
                     status.error.reset();
                     ports_.uplink.status(status);
                     answer(op, std::move(status));
                     leave_lane(id);
                 });
    });
}

/// On a worker.
common::Result<> SandboxService::destroy_all(const common::SandboxId& id,
                                             const NetLease& lease,
                                             const std::vector<common::SnapshotId>& kept)
{
    COMMON_CHECK(builder_.destroy(id, lease));
    for (const auto& checkpoint : kept) {
        COMMON_CHECK(ports_.checkpoints.remove(checkpoint));
    }
    return {};
}

void SandboxService::destroy_condemned(const common::SandboxId& id)
{
    in_lane(id, [this, id] {
        const auto* found = find(id);
        if (found == nullptr || !found->condemned) {
            return leave_lane(id);
        }
        blocking([this, id, lease = found->status.net] { return builder_.destroy(id, lease); },
                 [this, id](const common::Result<>& result) {
                     auto& sandbox = table_.at(id);
                     if (result) {
                         spdlog::info("what was left of {} is removed", id.str());
                         sandbox.status.phase = Phase::destroyed;
                         publish(sandbox);
                         erase(id);
                         sweep_soon();
                     } else {
                         spdlog::warn("remove what is left of {}: {}; trying again",
                                      id.str(),
                                      result.error().message);
                         loop_->after(settings_.reconcile_interval,
                                      [this, id] { destroy_condemned(id); });
                     }
                     leave_lane(id);
                 });
    });
}

void SandboxService::erase(const common::SandboxId& id)
{
    held_.let_go(id);
    const auto gone = table_.extract(id);
    count_ = static_cast<unsigned>(table_.size());
    if (const auto& condemned = gone.mapped().condemned; condemned) {
        for (const auto& op : condemned->waiting) {
            fail(op, condemned->why);
        }
    }
}

} // namespace hostd
