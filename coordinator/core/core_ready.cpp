// What a create waits for once its sandbox runs.
#include "coordinator/core/core.hpp"

#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Tries it again and again, for so many seconds of the guest's kernel's, whose clock nobody sets.
/// What it leaves unsaid, as a fork's exit, stays in a shell of its own.
std::string tried_until_it_succeeds(const ReadyWish& ready)
{
    constexpr auto script = "uptime() {{ cut -d. -f1 /proc/uptime; }}\n"
                            "end=$(($(uptime) + {}))\n"
                            "until (\n{}\n) </dev/null; do\n"
                            "[ \"$(uptime)\" -lt \"$end\" ] || exit 1\n"
                            "sleep 0.2 2>/dev/null || sleep 1\n"
                            "done";
    return fmt::format(fmt::runtime(script), ready.timeout.count(), ready.command);
}

Error never_ready(const Sandbox& sandbox, const ReadyWish& ready, const std::string& why)
{
    return {
        ErrorCode::timeout,
        fmt::format("create a sandbox: {} runs and stays, but its ready_command did not succeed "
                    "within {} s: {}",
                    sandbox.id.str(),
                    ready.timeout.count(),
                    why),
        "not_ready"};
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
    run_when_free(caller,
                  sandbox.id,
                  run,
                  Reply<Command>::telling([this, sandbox, wish = request.ready, ready, reply](
                                              Result<Command> ran) {
                      if (!ran) {
                          return reply(never_ready(sandbox, wish, ran.error().message));
                      }
                      if (ran->exit_code != 0 || ran->timed_out) {
                          const auto why =
                              fmt::format("{}; GET /v1/sandboxes/{}/commands/{} has what it said",
                                          ran->timed_out ? "a try did not end" : "its tries failed",
                                          sandbox.id.str(),
                                          ran->id.str());
                          return reply(never_ready(sandbox, wish, why));
                      }
                      const auto* now = fleet_.find(sandbox.id);
                      ready(now == nullptr ? sandbox : *now);
                  }));
}

} // namespace coordinator
