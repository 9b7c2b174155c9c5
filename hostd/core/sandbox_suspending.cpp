// Suspend, and the ways out of it: its memory is loaded again, or dropped.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

void SandboxService::suspend(const Op& op)
{
    const auto id = std::get<SuspendCommand>(op->command.what).id;
    auto* sandbox = current(op, id);
    if (sandbox == nullptr) {
        return;
    }
    record_generation(op, *sandbox);
    in_lane_of(op, id, [this, op, id](const Sandbox& now) {
        const auto phase = now.status.phase;
        if (phase == Phase::suspended) {
            answer(op, now.status);
            return leave_lane(id);
        }
        if (now.status.spec.disk == DiskKind::ephemeral) {
            fail(op,
                 {ErrorCode::failed_precondition,
                  "suspend " + id.str() + ": its disk is ephemeral",
                  "ephemeral_disk"});
            return leave_lane(id);
        }
        if (phase == Phase::paused) {
            return suspend_in_lane(op, id, now.frozen);
        }
        if (phase != Phase::running) {
            fail(op, not_running(now, "suspend"));
            return leave_lane(id);
        }
        with_frozen_guest(id, [this, op, id](Result<std::chrono::microseconds> frozen) {
            if (frozen) {
                return suspend_in_lane(op, id, table_.at(id).frozen);
            }
            fail(op, std::move(frozen).error().during("suspend " + id.str()));
            leave_lane(id);
        });
    });
}

void SandboxService::suspend_in_lane(const Op& op, const common::SandboxId& id, bool frozen)
{
    const auto status = table_.at(id).status;
    blocking([this, status, frozen] { return keeper_.suspend(status, frozen); },
             [this, op, id](Result<> result) {
                 auto& sandbox = table_.at(id);
                 if (!result) {
                     if (sandbox.status.phase == Phase::running) {
                         sandbox.frozen = false;
                         ports_.guests.thaw(id);
                     }
                     fail(op, std::move(result).error().during("suspend " + id.str()));
                     leave_lane(id);
                     return refresh(id); // Whether it is what it was.
                 }
                 detach(sandbox);
                 sandbox.frozen = false;
                 no_longer_held(sandbox);
                 sandbox.status.phase = Phase::suspended;
                 sandbox.status.error.reset();
                 publish(sandbox);
                 answer(op, sandbox.status);
                 leave_lane(id);
             });
}

/// Admitted anew: its share was given back when it was suspended.
void SandboxService::load_in_lane(const Op& op, Sandbox& sandbox)
{
    const auto id = sandbox.status.spec.id;
    if (refuse_fenced(op)) {
        return leave_lane(id);
    }
    if (auto admitted = admit(sandbox.status.spec, settings_.capacity, committed()); !admitted) {
        fail(op, std::move(admitted).error().during("resume " + id.str()));
        return leave_lane(id);
    }
    sandbox.status.phase = Phase::restoring;
    sandbox.status.error.reset();
    publish(sandbox);
    // It waits for no place among those that boot: loading takes a moment, and somebody waits.
    const auto begun = ports_.clock.steady();
    blocking([this, id] { return keeper_.resume(id); },
             [this, op, id, begun](Result<> result) {
                 table_.at(id).status.timings = {
                     {"load",
                      std::chrono::duration_cast<std::chrono::microseconds>(ports_.clock.steady() -
                                                                            begun)}};
                 loaded(op, id, std::move(result));
                 leave_lane(id);
             });
}

void SandboxService::loaded(const Op& op, const common::SandboxId& id, Result<> result)
{
    auto& sandbox = table_.at(id);
    if (result) {
        return await_boot(op, sandbox, Slot::none);
    }
    auto error = std::move(result).error().during("resume " + id.str());
    spdlog::warn("{}", error.message);
    sandbox.status.phase = Phase::suspended; // Unless the next look finds otherwise.
    sandbox.status.error = error;
    publish(sandbox);
    fail(op, std::move(error));
    refresh(id);
}

/// A stop of what is suspended: its memory is given up, its disk stays.
void SandboxService::drop_suspended_in_lane(const Op& op, const common::SandboxId& id)
{
    blocking([this, id] { return ports_.checkpoints.drop_suspended(id); },
             [this, op, id](Result<> dropped) {
                 auto& sandbox = table_.at(id);
                 if (dropped) {
                     sandbox.status.phase = Phase::stopped;
                     sandbox.status.error.reset();
                     publish(sandbox);
                     answer(op, sandbox.status);
                 } else {
                     fail(op, std::move(dropped).error().during("stop " + id.str()));
                 }
                 leave_lane(id);
             });
}

} // namespace hostd
