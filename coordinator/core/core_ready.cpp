// What a create waits for once its sandbox runs.
#include "coordinator/core/core.hpp"

#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Tries it again and again, for so many whole seconds of the guest's kernel's at least, whose
/// clock nobody sets. What it leaves unsaid, as an exit, stays in a shell of its own.
std::string tried_until_it_succeeds(const ReadyWish& ready)
{
    constexpr auto script = "paddock_now() {{ cut -d. -f1 /proc/uptime; }}\n"
                            "paddock_end=$(($(paddock_now) + {} + 1))\n"
                            "until (\n{}\n) </dev/null; do\n"
                            "[ \"$(paddock_now)\" -lt \"$paddock_end\" ] || exit 1\n"
                            "sleep 0.2 2>/dev/null || sleep 1\n"
                            "done";
    return fmt::format(fmt::runtime(script), ready.timeout.count(), ready.command);
}

/// Its caller is told so for good: it is there, also under the key of the request.
Error never_ready(const Sandbox& sandbox, const std::string& why)
{
    return {ErrorCode::timeout,
            "create a sandbox: " + sandbox.id.str() + " runs and stays, but its ready_command " +
                why,
            "not_ready"};
}

Error ended_before(const Sandbox& sandbox)
{
    const bool gone = sandbox.desired == Desired::destroyed || sandbox.phase == Phase::destroyed;
    return {
        ErrorCode::failed_precondition,
        fmt::format("create a sandbox: {} was made, and is {} before its ready_command succeeded",
                    sandbox.id.str(),
                    gone ? "destroyed" : to_string(sandbox.phase)),
        "not_running"};
}

/// As the end of its ready_command tells.
std::optional<Error>
why_not_ready(const Sandbox& now, const ReadyWish& ready, const Result<Command>& ran)
{
    if (now.desired != Desired::running || state_of(now.phase) != State::running) {
        return ended_before(now);
    }
    if (!ran) {
        return never_ready(now, "was not seen to succeed: " + ran.error().message);
    }
    if (ran->exit_code == 0 && !ran->timed_out) {
        return std::nullopt;
    }
    return never_ready(now,
                       fmt::format("did not succeed within {} s: {}; GET "
                                   "/v1/sandboxes/{}/commands/{} has what it said",
                                   ready.timeout.count(),
                                   ran->timed_out ? "a try did not end" : "its tries failed",
                                   now.id.str(),
                                   ran->id.str()));
}

} // namespace

/// Its ready_command, if it has one, and then its address, if it is to be waited for. One command,
/// on record as any other.
void Core::await_ready(const Caller& caller,
                       const Sandbox& sandbox,
                       const CreateRequest& request,
                       const Reply<Sandbox>& reply)
{
    const auto ready = [this, id = sandbox.id, waits = request.wait_for_ip, reply](
                           const Sandbox& now) { waits ? await_ip(id, reply) : reply(now); };
    if (request.ready.command.empty() || !request.auto_start) {
        return ready(sandbox);
    }
    RunRequest run;
    run.command = request.ready.command;
    run.shell = tried_until_it_succeeds(request.ready);
    run.timeout = request.ready.timeout + settings_.grace; // Of one try that does not end.
    run.attempt = "run the ready_command of";
    const auto ended =
        [this, sandbox, wish = request.ready, ready, reply](const Result<Command>& ran) {
            auto now = sandbox;
            if (const auto* found = fleet_.find(sandbox.id); found != nullptr) {
                now = *found;
            } else {
                now.desired = Desired::destroyed;
            }
            if (auto why = why_not_ready(now, wish, ran)) {
                return reply(*std::move(why));
            }
            ready(now);
        };
    run_when_free(caller, sandbox.id, run, Reply<Command>::telling(ended));
}

} // namespace coordinator
