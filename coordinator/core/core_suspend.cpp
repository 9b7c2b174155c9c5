// Suspend, which gives a sandbox's memory back to its host, what it takes to get it again, and
// a restart.
#include "coordinator/core/moving.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<Sandbox> Core::suspend(const Caller& caller, const common::SandboxId& id)
{
    return ask_host<Sandbox>(
        caller,
        id,
        settings_.suspend_timeout,
        "suspend sandbox " + id.str(),
        [this, caller, id](SandboxDone done) { begin_suspend(caller, id, std::move(done)); });
}

Result<Sandbox>
Core::restart(const Caller& caller, const common::SandboxId& id, StopRequest request)
{
    const auto patience = request.timeout.value_or(settings_.stop_timeout) +
                          settings_.boot_timeout + settings_.grace * 2;
    return ask_host<Sandbox>(caller,
                             id,
                             patience,
                             "restart sandbox " + id.str(),
                             [this, caller, id, request](SandboxDone done) {
                                 begin_restart(caller, id, request, std::move(done));
                             });
}

void Core::begin_suspend(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const auto current = lifecycle_of(id);
    if (current && current->kind == Pending::Kind::suspend) {
        current->waiting.push_back(std::move(done));
        return;
    }
    if (current || sandbox.desired == Desired::destroyed ||
        (sandbox.phase != Phase::running && sandbox.phase != Phase::paused &&
         sandbox.phase != Phase::suspended)) {
        return done(wrong_state(sandbox, "suspend"));
    }
    if (sandbox.phase == Phase::suspended) {
        return done(sandbox);
    }
    if (sandbox.disk == DiskKind::ephemeral) {
        return done(Error{ErrorCode::failed_precondition,
                          "suspend sandbox " + id.str() +
                              ": its disk is ephemeral, and what is suspended is to outlive its "
                              "host's power; pause it, or create it with disk: durable",
                          "ephemeral_disk"});
    }
    if (const auto host = reachable(sandbox); !host) {
        return done(host.error());
    }
    auto changed = sandbox;
    ++changed.generation;
    changed.desired = Desired::stopped;
    const auto op = begin_operation(Pending::Kind::suspend, caller, changed, SuspendOnHost{id});
    op->waiting.push_back(std::move(done));
    // It holds its memory until its host says that it has it no more.
    begin_lifecycle(op, changed, Sandbox{sandbox}, nullptr, "{}");
}

/// Two operations, each recorded. If this process ends in between, it stays stopped.
void Core::begin_restart(const Caller& caller,
                         const common::SandboxId& id,
                         const StopRequest& request,
                         SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const auto current = lifecycle_of(id);
    if (sandbox.phase == Phase::suspended ||
        (current &&
         (current->kind == Pending::Kind::suspend || current->kind == Pending::Kind::restore))) {
        return done(wrong_state(sandbox, "restart"));
    }
    begin_stop(caller, id, request, [this, caller, id, done](const Result<Sandbox>& stopped) {
        if (!stopped) {
            return done(stopped);
        }
        begin_start(caller, id, done);
    });
}

Result<> Core::admit(const Sandbox& sandbox, std::string_view attempt) const
{
    const auto shortage = fleet_.shortage(sandbox);
    if (shortage.empty()) {
        return {};
    }
    return Error{ErrorCode::resource_exhausted,
                 std::string{attempt} + " sandbox " + sandbox.id.str() + ": its host " +
                     sandbox.host.str() + " cannot take it now: " + shortage,
                 "no_capacity",
                 {},
                 sandbox.host.str() + ": " + shortage};
}

} // namespace coordinator
