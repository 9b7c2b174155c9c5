// Commands that wait for a move, and those that a coordinator before this one had begun.
#include "coordinator/core/moving.hpp"
#include "coordinator/core/streams.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// "file write /tmp/x" was begun as "file_write".
std::string audited_as(const std::string& command)
{
    const auto first = command.find(' ');
    const auto second = command.find(' ', first + 1);
    auto kind = command.substr(0, second);
    std::ranges::replace(kind, ' ', '_');
    return kind;
}

} // namespace

/// A command that was under way when the coordinator ended: its host is asked for the
/// outcome as soon as it is there.
void Core::resume_command(const Command& command)
{
    const auto* sandbox = fleet_.find(command.sandbox);
    const Caller caller{"system:restart",
                        sandbox == nullptr ? "" : sandbox->tenant,
                        common::mint<common::RequestId>()};
    Sandbox gone;
    gone.id = command.sandbox;
    ExecOnHost exec;
    exec.id = command.sandbox;
    exec.shell = command.command;
    exec.user = command.user;
    exec.cwd = command.cwd;
    exec.timeout = settings_.command_timeout;
    exec.output_limit = settings_.output_limit;
    exec.resumed = true;
    if (command.mode != CommandMode::run) {
        exec.timeout = {}; // Its agent keeps the one that it was given.
        exec.live.emplace();
        exec.live->argv = {command.command};
        exec.live->has_stdin = command.mode != CommandMode::live;
        exec.live->call = command.mode == CommandMode::call ? "resumed" : "";
        if (command.mode == CommandMode::terminal) {
            exec.live->terminal.emplace();
        }
    }
    const auto op = begin_operation(
        Pending::Kind::run, caller, sandbox == nullptr ? gone : *sandbox, std::move(exec));
    // Under the id that its host and guest know it by.
    retire(op);
    op->row.id = command.operation;
    op->command.operation = command.operation;
    op->record = command;
    if (command.mode == CommandMode::call) {
        op->row.kind = audited_as(command.command);
    }
    op->ran = [](const Result<Command>&) {};
    op->give_up = op->begun + settings_.agent_patience;
    op->dispatched = true; // Sent by whoever wrote it down, as far as anybody knows.
    op->sent = op->begun;
    pending_.emplace(op->row.id, op);
    pending_of_.emplace(op->row.sandbox, op->row.id);
    if (command.mode != CommandMode::run) {
        streams_->sent(op, {}, false);
    }
    if (sandbox == nullptr || sandbox->phase == Phase::destroyed) {
        end_run(op, Error{ErrorCode::timeout, "its sandbox is gone", "outcome_unknown"});
    }
}

/// While a move has it stand still, that is part of the command's own time, as a boot is.
void Core::run_when_free(const Caller& caller,
                         const common::SandboxId& id,
                         const RunRequest& request,
                         const Reply<Command>& reply)
{
    if (!moving_->has_to_wait(caller, id)) {
        return begin_run(caller, id, request, reply);
    }
    const auto timeout =
        request.timeout.value_or(request.live ? settings_.boot_timeout : settings_.command_timeout);
    const auto until = clock_.steady() + timeout;
    const auto too_late = loop_->after(timeout, [reply, id, attempt = request.attempt] {
        reply(Error{ErrorCode::timeout,
                    attempt + " sandbox " + id.str() +
                        ": it is on its way to another host after that time; nothing was done",
                    "still_moving"});
    });
    moving_->when_free(caller, id, [this, caller, id, request, reply, until, too_late] {
        if (reply.given()) {
            return; // Too late: it must not run after its caller was told so.
        }
        loop_->cancel(too_late); // Nor must he be told so after it has run.
        auto rest = request;
        if (!request.live || request.timeout) {
            rest.timeout =
                std::max(std::chrono::ceil<std::chrono::milliseconds>(until - clock_.steady()),
                         std::chrono::milliseconds{1});
        }
        begin_run(caller, id, rest, reply);
    });
}

} // namespace coordinator
