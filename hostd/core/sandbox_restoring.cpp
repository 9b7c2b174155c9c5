// Restore: the sandbox is what it was at a checkpoint.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

void SandboxService::restore(const Op& op)
{
    const auto& command = std::get<RestoreCommand>(op->command.what);
    const auto id = command.id;
    auto* sandbox = current(op, id);
    if (sandbox == nullptr) {
        return;
    }
    record_generation(op, *sandbox);
    answer_by(op, id, command.boot_timeout);
    in_lane_of(op, id, [this, op, id](Sandbox& now) {
        const auto before = now.status.phase;
        if (refuse_fenced(op)) {
            return leave_lane(id);
        }
        no_longer_held(now);
        if (now.boot || now.stop || before == Phase::created || before == Phase::starting) {
            fail(op, not_running(now, "restore"));
            return leave_lane(id);
        }
        if (before == Phase::suspended) { // It is given memory again.
            if (auto admitted = admit(now.status.spec, settings_.capacity, committed());
                !admitted) {
                fail(op, std::move(admitted).error().during("restore " + id.str()));
                return leave_lane(id);
            }
        }
        now.status.phase = Phase::restoring;
        publish(now);
        state_work([this, op, id, before] {
            auto work = [this, op] {
                return keeper_.restore(std::get<RestoreCommand>(op->command.what),
                                       op->command.generation);
            };
            const auto begun = ports_.clock.steady();
            blocking(work, [this, op, id, before, begun](Result<StateKeeper::Restored> result) {
                if (result) {
                    table_.at(id).status.timings = {
                        {"restore",
                         std::chrono::duration_cast<std::chrono::microseconds>(
                             ports_.clock.steady() - begun)}};
                    return restored(op, before, *result);
                }
                auto error = std::move(result).error().during("restore " + id.str());
                spdlog::warn("{}", error.message);
                auto& unchanged = table_.at(id);
                unchanged.status.phase = before;
                publish(unchanged);
                fail(op, std::move(error));
                sweep_soon();
                state_work_done();
                leave_lane(id);
                refresh(id);
            });
        });
    });
}

void SandboxService::restored(const Op& op, Phase before, const StateKeeper::Restored& result)
{
    const auto id = result.domain.sandbox.id;
    auto& sandbox = table_.at(id);
    detach(sandbox,
           Error{ErrorCode::failed_precondition,
                 "sandbox " + id.str() + " was restored to a checkpoint while the command ran",
                 "restored"});
    sandbox.frozen = false;
    sandbox.files = result.domain.files;
    sandbox.status.net = result.domain.net;
    sandbox.status.incarnation = result.domain.incarnation;
    sandbox.status.error.reset();
    const bool boots = !result.with_memory && (before == Phase::running || before == Phase::paused);
    if (result.with_memory) {
        await_boot(op, sandbox, Slot::none);
    } else {
        sandbox.status.phase = Phase::stopped;
        publish(sandbox);
    }
    blocking([this, result] { return keeper_.finish_restore(result); },
             [this, op, id, boots, result](const Result<>& finished) {
                 if (!finished) {
                     spdlog::error("what {} was before its restore is not gone yet: {}",
                                   id.str(),
                                   finished.error().message);
                     finish_restore_later(result);
                 }
                 sweep_soon();
                 state_work_done();
                 auto& now = table_.at(id);
                 if (boots) {
                     return start_in_lane(op, now);
                 }
                 if (!result.with_memory) {
                     answer(op, now.status);
                 }
                 leave_lane(id);
             });
}

void SandboxService::finish_restore_later(const StateKeeper::Restored& result)
{
    loop_->after(settings_.reconcile_interval, [this, result] {
        const auto id = result.domain.sandbox.id;
        in_lane(id, [this, id, result] {
            const auto* now = find(id);
            if (now == nullptr || now->status.incarnation != result.domain.incarnation) {
                return leave_lane(id);
            }
            blocking([this, result] { return keeper_.finish_restore(result); },
                     [this, id, result](const Result<>& finished) {
                         if (!finished) {
                             finish_restore_later(result);
                         }
                         sweep_soon();
                         leave_lane(id);
                     });
        });
    });
}

} // namespace hostd
