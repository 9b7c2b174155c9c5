// Pause and resume: the guest keeps its memory and gets no CPU.
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;

namespace {

constexpr const char* disk_error = "disk_error";

} // namespace

void SandboxService::pause(const Op& op)
{
    const auto id = std::get<PauseCommand>(op->command.what).id;
    auto* sandbox = current(op, id);
    if (sandbox == nullptr) {
        return;
    }
    record_generation(op, *sandbox);
    pause_when_its_turn_comes(op, id);
}

void SandboxService::pause_when_its_turn_comes(const Op& op, const common::SandboxId& id)
{
    in_lane_of(op, id, [this, op, id](const Sandbox& now) {
        if (now.status.phase == Phase::paused) {
            no_longer_held(table_.at(id)); // It stays so now because somebody wants it to.
            answer(op, now.status);
            return leave_lane(id);
        }
        if (now.status.phase != Phase::running) {
            fail(op,
                 {ErrorCode::failed_precondition,
                  "sandbox " + id.str() + " is " + std::string{to_string(now.status.phase)} +
                      ", not running",
                  "not_running"});
            return leave_lane(id);
        }
        // Frozen first, so that a checkpoint of it is one of a guest that stands still. One that
        // cannot be is paused all the same.
        with_frozen_guest(id, [this, op, id](const auto&) { pause_in_lane(op, id); });
    });
}

void SandboxService::pause_in_lane(const Op& op, const common::SandboxId& id)
{
    blocking([this, id] { return ports_.hypervisor.pause(id); },
             [this, op, id](common::Result<> result) {
                 auto& held = table_.at(id);
                 if (result) {
                     no_longer_held(held);
                     apply(held, DomainState::paused);
                     answer(op, held.status);
                 } else {
                     held.frozen = false;
                     ports_.guests.thaw(id);
                     fail(op, std::move(result).error().during("pause " + id.str()));
                     refresh(id); // Whether it is paused all the same.
                 }
                 leave_lane(id);
             });
}

void SandboxService::resume_in_lane(const Op& op, const common::SandboxId& id)
{
    if (refuse_fenced(op)) {
        return leave_lane(id);
    }
    no_longer_held(table_.at(id));
    const auto incarnation = table_.at(id).status.incarnation;
    blocking([this, id, incarnation] { return ports_.hypervisor.go_on(id, incarnation); },
             [this, op, id](common::Result<> result) {
                 auto& sandbox = table_.at(id);
                 if (!result) {
                     fail(op, std::move(result).error().during("resume " + id.str()));
                     leave_lane(id);
                     return refresh(id);
                 }
                 const auto& error = sandbox.status.error;
                 if (error && error->stable_reason() == disk_error) {
                     // What paused it does so again at once, if nobody has made room.
                     loop_->after(settings_.disk_check, [this, op, id] { look_at_disk(op, id); });
                     return;
                 }
                 apply(sandbox, DomainState::running);
                 answer(op, sandbox.status);
                 leave_lane(id);
                 refresh(id);
             });
}

/// In its lane: whether a guest that could not write its disk goes on, now that it was let go.
void SandboxService::look_at_disk(const Op& op, const common::SandboxId& id)
{
    blocking([this, id] { return ports_.hypervisor.find(id); },
             [this, op, id](const common::Result<DomainRecord>& record) {
                 auto& sandbox = table_.at(id);
                 if (record && record->state == DomainState::running) {
                     apply(sandbox, DomainState::running);
                     answer(op, sandbox.status);
                 } else {
                     fail(op,
                          {ErrorCode::failed_precondition,
                           "sandbox " + id.str() + " is paused again: its disk cannot be written",
                           "not_running"});
                 }
                 leave_lane(id);
                 refresh(id);
             });
}

void SandboxService::paused(Sandbox& sandbox, DomainState state)
{
    auto& status = sandbox.status;
    if (state == DomainState::paused_by_disk_error) {
        status.error = Error{ErrorCode::resource_exhausted,
                             "the guest is paused: its disk could not be written. Free space on "
                             "the host, then start it: it goes on where it was",
                             disk_error};
        end_boot(sandbox, *status.error);
        status.phase = Phase::paused;
    } else if (status.phase != Phase::starting && status.phase != Phase::restoring) {
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
