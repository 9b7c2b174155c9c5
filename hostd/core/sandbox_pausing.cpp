// Pause and resume: the guest keeps its memory and gets no CPU.
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;

void SandboxService::pause(const Op& op)
{
    const auto id = std::get<PauseCommand>(op->command.what).id;
    auto* sandbox = current(op, id);
    if (sandbox == nullptr) {
        return;
    }
    record_generation(op, *sandbox);
    in_lane(id, [this, op, id] {
        auto* now = find(id);
        if (now == nullptr || now->condemned) {
            fail(op, {ErrorCode::not_found, "sandbox " + id.str() + " was destroyed"});
            return leave_lane(id);
        }
        if (now->status.phase == Phase::paused) {
            answer(op, now->status);
            return leave_lane(id);
        }
        if (now->status.phase != Phase::running) {
            fail(op,
                 {ErrorCode::failed_precondition,
                  "sandbox " + id.str() + " is " + std::string{to_string(now->status.phase)} +
                      ", not running",
                  "not_running"});
            return leave_lane(id);
        }
        blocking([this, id] { return ports_.hypervisor.pause(id); },
                 [this, op, id](common::Result<> result) {
                     if (result) {
                         auto& held = table_.at(id);
                         apply(held, DomainState::paused);
                         answer(op, held.status);
                     } else {
                         fail(op, std::move(result).error().during("pause " + id.str()));
                         refresh(id); // Whether it is paused all the same.
                     }
                     leave_lane(id);
                 });
    });
}

void SandboxService::resume_in_lane(const Op& op, const common::SandboxId& id)
{
    blocking([this, id] { return ports_.hypervisor.start(id); },
             [this, op, id](common::Result<> result) {
                 auto& sandbox = table_.at(id);
                 if (result) {
                     apply(sandbox, DomainState::running);
                     answer(op, sandbox.status);
                 } else {
                     fail(op, std::move(result).error().during("resume " + id.str()));
                 }
                 leave_lane(id);
                 refresh(id); // What paused it may do so again at once.
             });
}

void SandboxService::paused(Sandbox& sandbox, DomainState state)
{
    auto& status = sandbox.status;
    if (state == DomainState::paused_by_disk_error) {
        status.error = Error{ErrorCode::resource_exhausted,
                             "the guest is paused: its disk could not be written. Free space on "
                             "the host, then start it: it goes on where it was",
                             "disk_error"};
        end_boot(sandbox, *status.error);
        status.phase = Phase::paused;
    } else if (status.phase != Phase::starting) {
        status.phase = Phase::paused; // QEMU is paused for an instant at each start.
    }
}

/// No time passes for the commands in a guest that is paused.
void SandboxService::tell_guests(const Sandbox& sandbox, Phase before)
{
    const auto& status = sandbox.status;
    if (!sandbox.attached || (status.phase == Phase::paused) == (before == Phase::paused)) {
        return;
    }
    if (status.phase == Phase::paused) {
        ports_.guests.pause(status.spec.id);
    } else {
        ports_.guests.resume(status.spec.id);
    }
}

} // namespace hostd
