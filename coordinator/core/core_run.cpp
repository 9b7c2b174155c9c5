// Commands in sandboxes.
#include "coordinator/core/streams.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

std::uint64_t us_between(common::SteadyTime begin, common::SteadyTime end)
{
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, std::chrono::duration_cast<microseconds>(end - begin).count()));
}

Error not_running(const Sandbox& sandbox, const std::string& attempt)
{
    const auto what = sandbox.desired == Desired::destroyed ? std::string{"being destroyed"}
                                                            : std::string{to_string(sandbox.phase)};
    return {ErrorCode::failed_precondition,
            attempt + " sandbox " + sandbox.id.str() + ": it is " + what + ", not running",
            "not_running"};
}

/// The host did not try. One that tried and failed might do it twice.
bool is_not_now(const Error& error)
{
    return error.code == ErrorCode::unavailable && error.stable_reason() != "host_failed";
}

/// It says how the sandbox is now, which is nothing about a command of before.
bool is_about_now(const Error& error)
{
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::not_found ||
           error.code == ErrorCode::failed_precondition || error.code == ErrorCode::rate_limited;
}

/// For monitoring: how long one that is read live takes says nothing about one that is run.
std::string_view kind_of_run(CommandMode mode)
{
    return mode == CommandMode::run ? "run" : mode == CommandMode::call ? "call" : "live";
}

CommandMode mode_of(const RunRequest& request)
{
    if (!request.live) {
        return CommandMode::run;
    }
    if (!request.live->call.empty()) {
        return CommandMode::call;
    }
    if (request.live->terminal) {
        return CommandMode::terminal;
    }
    return request.live->has_stdin ? CommandMode::live_stdin : CommandMode::live;
}

/// As the audit tells it: what a call answers is for its caller, and a refusal among it.
std::optional<Error> audited_end(const Command& record, const std::optional<Error>& error)
{
    const bool is_done = record.exit_code == 0 && !record.timed_out;
    if (error || record.mode != CommandMode::call || is_done) {
        return error;
    }
    return Error{ErrorCode::refused, "it was refused, or given up", "not_done"};
}

/// Its host need not keep the answer.
HostCommand acknowledgement(const Pending& op)
{
    HostCommand forget;
    forget.operation = op.row.id;
    forget.request = op.caller.request;
    forget.what = AckExecOnHost{op.row.sandbox};
    return forget;
}

} // namespace

Result<Command> Core::run(const Caller& caller, const common::SandboxId& id, RunRequest request)
{
    const auto timeout = request.timeout.value_or(settings_.command_timeout);
    const auto patience = timeout + settings_.grace;
    return ask<Command>(
        patience + settings_.grace,
        [this, caller, id, request = std::move(request), patience](const Reply<Command>& reply) {
            const Error late{ErrorCode::timeout,
                             "run a command in sandbox " + id.str() +
                                 ": no answer in time; GET its commands for the outcome",
                             "outcome_unknown"};
            if (wait_for_host(reply, caller, id, patience, late)) {
                touch(caller, id);
                run_when_free(caller, id, request, reply);
            }
        });
}

void Core::begin_run(const Caller& caller,
                     const common::SandboxId& id,
                     const RunRequest& request,
                     const Reply<Command>& reply)
{
    const auto found = living(caller, id);
    if (!found) {
        return reply(found.error());
    }
    const auto& sandbox = **found;
    if (const auto current = lifecycle_of(id);
        current &&
        (current->kind == Pending::Kind::pause || current->kind == Pending::Kind::suspend)) {
        // It is falling asleep: given to it now, the command would stand still with it.
        current->waiting.emplace_back([this, caller, id, request, reply](const Result<Sandbox>&) {
            if (!reply.given()) {
                begin_run(caller, id, request, reply);
            }
        });
        return;
    }
    const bool asleep = sandbox.phase == Phase::paused || sandbox.phase == Phase::suspended;
    if (asleep && sandbox.desired != Desired::destroyed) {
        return wake_and_run(caller, id, request, reply);
    }
    if (sandbox.desired == Desired::destroyed ||
        (sandbox.phase != Phase::running && state_of(sandbox.phase) != State::starting &&
         !(sandbox.phase == Phase::placing && sandbox.desired == Desired::running))) {
        return reply(not_running(sandbox, request.attempt));
    }
    if (const auto host = reachable(sandbox); !host) {
        return reply(host.error());
    }
    if (sandbox.phase == Phase::running) {
        return dispatch_run(caller, sandbox, request, reply);
    }
    const auto settled = [reply](const Sandbox& now) {
        return reply.given() ||
               (state_of(now.phase) != State::starting && now.phase != Phase::placing);
    };
    // The wait is part of the command's own time.
    const auto timeout = request.timeout.value_or(settings_.command_timeout);
    const auto until = clock_.steady() + timeout;
    const auto too_late = loop_->after(timeout, [reply, id, attempt = request.attempt] {
        reply(Error{ErrorCode::timeout,
                    attempt + " sandbox " + id.str() +
                        ": it is still starting after timeout_sec; nothing was done",
                    "still_starting"});
    });
    when(id, settled, [this, caller, request, reply, until, too_late](const Sandbox& now) {
        if (reply.given()) {
            return; // Too late: it must not run after its caller was told so.
        }
        loop_->cancel(too_late); // Nor must he be told so after it has run.
        if (now.phase != Phase::running) {
            return reply(not_running(now, request.attempt));
        }
        auto rest = request;
        if (!request.live || request.timeout) {
            rest.timeout =
                std::max(std::chrono::ceil<milliseconds>(until - clock_.steady()), milliseconds{1});
        }
        dispatch_run(caller, now, rest, reply);
    });
}

/// A resume of its own, recorded as such, and then the command.
void Core::wake_and_run(const Caller& caller,
                        const common::SandboxId& id,
                        const RunRequest& request,
                        const Reply<Command>& reply)
{
    begin_resume(caller, id, [this, caller, request, reply](const Result<Sandbox>& woken) {
        if (!woken) {
            return reply(woken.error());
        }
        if (reply.given()) {
            return; // Too late: it must not run after its caller was told so.
        }
        const auto* now = fleet_.find(woken->id);
        if (now == nullptr || now->phase != Phase::running) {
            return reply(not_running(now == nullptr ? *woken : *now, request.attempt));
        }
        dispatch_run(caller, *now, request, reply);
    });
}

void Core::dispatch_run(const Caller& caller,
                        const Sandbox& sandbox,
                        const RunRequest& request,
                        const Reply<Command>& reply)
{
    if (const auto room = room_for_one_more(); !room) {
        return reply(room.error());
    }
    ExecOnHost exec;
    exec.id = sandbox.id;
    exec.shell = request.shell.empty() ? request.command : request.shell;
    exec.user = request.user;
    exec.cwd = request.cwd;
    exec.env = sandbox.env;
    for (const auto& [name, value] : request.env) {
        exec.env[name] = value;
    }
    exec.stdin_bytes = request.stdin_text;
    exec.timeout =
        request.timeout.value_or(request.live ? milliseconds{0} : settings_.command_timeout);
    exec.output_limit = settings_.output_limit;
    exec.live = request.live;
    const auto op = begin_operation(Pending::Kind::run, caller, sandbox, std::move(exec));
    const bool is_call = request.live && !request.live->call.empty();
    op->recorded = !is_call || !request.live->audited_as.empty();
    op->row.kind = is_call && op->recorded ? request.live->audited_as : op->row.kind;
    op->ran = reply;
    op->give_up = op->begun + settings_.agent_patience;
    auto& record = op->record;
    record.id = common::mint<common::CommandId>();
    record.sandbox = sandbox.id;
    record.operation = op->row.id;
    record.command = request.command;
    record.user = request.user;
    record.cwd = request.cwd;
    record.env = request.env;
    record.status = "running";
    record.started_at = clock_.wall();
    record.mode = mode_of(request);
    const bool is_read = request.live && request.live->is_read;
    if (!op->recorded) {
        op->durable = true;
        dispatch(op);
        return streams_->sent(op, reply, is_read);
    }
    counts_.commands += is_call ? 0 : 1;
    auto detail = about_run(*op);
    detail.emplace_back("user", record.user);
    save({record, intent_of(op, detail_of(detail))},
         [this, op, reply, is_read, attempt = request.attempt](const Result<>& saved) {
             op->stored += std::chrono::duration_cast<microseconds>(clock_.steady() - op->begun);
             if (!pending_.contains(op->row.id)) {
                 return; // Its sandbox was destroyed meanwhile, which was told and recorded.
             }
             if (saved) {
                 op->durable = true;
                 dispatch(op);
                 return op->record.mode == CommandMode::run ? void()
                                                            : streams_->sent(op, reply, is_read);
             }
             if (saved.error().code == ErrorCode::timeout) {
                 // It may be written down as running, but it was not given to anybody.
                 return end_run(op, not_recorded(attempt, saved.error()));
             }
             retire(op);
             op->ran(not_recorded(attempt, saved.error()));
         });
}

void Core::finish_run(const Op& op, const HostAnswer& answer)
{
    if (answer.error) {
        if (answer.error->stable_reason() == "restored") {
            return end_run(op, restored()); // Not again: it ran in what is no more.
        }
        const auto now = clock_.steady();
        if (is_not_now(*answer.error) && now < op->give_up) {
            // The host has not given it to the guest: a channel or a daemon is coming back.
            // Until then it counts as not sent, or an inventory would have it looked for.
            constexpr milliseconds pause{200};
            op->dispatched = false;
            loop_->after(pause, [this, op] {
                if (pending_.contains(op->row.id)) {
                    dispatch(op);
                }
            });
            return;
        }
        if (answer.error->stable_reason() == "not_running" && now < op->give_up && wake_for(op)) {
            return;
        }
        if (std::get<ExecOnHost>(op->command.what).resumed && is_about_now(*answer.error)) {
            return end_run(op,
                           Error{ErrorCode::timeout,
                                 "it was given to the guest before, and nobody knows how it "
                                 "ended: " +
                                     answer.error->message,
                                 "outcome_unknown"});
        }
        return end_run(op, answer.error);
    }
    const auto* report = std::get_if<ExecReport>(&answer.value);
    if (report == nullptr) {
        return end_run(op, Error{ErrorCode::internal, "the host gave no outcome"});
    }
    auto& record = op->record;
    record.stdout_text = report->stdout_bytes;
    record.stderr_text = report->stderr_bytes;
    record.exit_code = report->exit_code;
    record.truncated = report->truncated;
    record.timed_out = report->timed_out;
    const auto in_hostd = static_cast<std::uint64_t>(report->in_hostd.count());
    const auto in_guest = static_cast<std::uint64_t>(report->in_guest.count());
    const auto away = us_between(op->sent, clock_.steady());
    record.timings_us["guest"] = in_guest;
    record.timings_us["hostd"] = in_hostd - std::min(in_hostd, in_guest);
    record.timings_us["link"] = away - std::min(away, in_hostd);
    end_run(op, std::nullopt);
}

/// It fell asleep before its host could give the command to it. False: it is not that.
bool Core::wake_for(const Op& op)
{
    const auto* const sandbox = fleet_.find(op->row.sandbox);
    const bool asleep = sandbox != nullptr && sandbox->desired != Desired::destroyed &&
                        (sandbox->phase == Phase::paused || sandbox->phase == Phase::suspended);
    if (!asleep || std::get<ExecOnHost>(op->command.what).resumed) {
        return false;
    }
    op->dispatched = false;
    static_cast<void>(link_.send(op->host, acknowledgement(*op))); // Or it is refused again.
    begin_resume(op->caller, op->row.sandbox, [this, op](const Result<Sandbox>& woken) {
        if (!pending_.contains(op->row.id)) {
            return;
        }
        if (!woken) {
            return end_run(op, woken.error());
        }
        op->command.generation = woken->generation;
        dispatch(op);
    });
    return true;
}

void Core::end_run(const Op& op, const std::optional<Error>& error)
{
    retire(op);
    auto& record = op->record;
    record.ended_at = clock_.wall();
    const bool unknown = error && error->code == ErrorCode::timeout;
    record.status = !error ? "finished" : unknown ? "outcome_unknown" : "failed";
    if (error) {
        record.exit_code = -1;
        record.stderr_text = error->message;
    }
    const auto saving = clock_.steady();
    counts_.ended(kind_of_run(record.mode),
                  !error    ? "done"
                  : unknown ? "unknown"
                            : "failed",
                  saving - op->begun);
    const auto away = op->dispatched ? us_between(op->sent, saving) : std::uint64_t{0};
    const auto tell = [this, op, error, saving, away](const Result<>& saved) {
        const auto now = clock_.steady();
        auto& timings = op->record.timings_us;
        const auto stored =
            static_cast<std::uint64_t>(op->stored.count()) + us_between(saving, now);
        const auto total = us_between(op->begun, now);
        timings["store"] = stored;
        timings["core"] = total - std::min(total, stored + away);
        if (!error && op->record.mode == CommandMode::run) {
            counts_.exec_overheads.observe(microseconds{total - std::min(total, timings["guest"])});
        }
        if (error) {
            op->ran(*error);
        } else if (!saved) {
            op->ran(Error{ErrorCode::timeout,
                          "the command ended, but the database has not recorded its "
                          "outcome yet: " +
                              saved.error().message,
                          "outcome_unknown"});
        } else {
            op->ran(op->record);
        }
        streams_->ended(op->record);
        if (saved && op->dispatched && op->record.mode != CommandMode::call) {
            // If it is lost, the guest forgets by itself, oldest first.
            static_cast<void>(link_.send(op->host, acknowledgement(*op)));
        }
    };
    if (op->recorded) {
        const auto end = audited_end(record, error);
        auto outcome = outcome_of(op, end);
        auto detail = about_run(*op);
        detail.emplace_back("exit_code", std::to_string(record.exit_code));
        if (end) {
            detail.emplace_back("error", end->message);
        }
        outcome.detail = detail_of(detail);
        save_outcome({record, std::move(outcome)}, tell);
    } else {
        tell({});
    }
}

} // namespace coordinator
