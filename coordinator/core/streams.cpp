// Live execs as people ask for them; what hosts say of them is in streams_hosts.cpp.
#include "coordinator/core/streams.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t most_readers = 16; ///< Of one exec.
constexpr std::size_t most_running = 16'384;
/// How long stdin waits for a command that does not read it, and how often it is tried.
constexpr std::chrono::seconds stdin_patience{20};
constexpr milliseconds stdin_pause{50};

Error no_such_exec(const common::SandboxId& id, const common::CommandId& exec)
{
    return {ErrorCode::not_found,
            "no live command " + exec.str() + " in sandbox " + id.str(),
            "no_such_exec"};
}

/// As a person would have typed it.
std::string as_typed(const std::vector<std::string>& argv)
{
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_@%+=:,./-";
    std::string line;
    for (const auto& word : argv) {
        line += line.empty() ? "" : " ";
        if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
            line += word;
            continue;
        }
        line += '\'';
        for (const char c : word) {
            line += c == '\'' ? std::string{"'\\''"} : std::string{c};
        }
        line += '\'';
    }
    return line;
}

} // namespace

LiveExecs& Core::live_execs()
{
    return *streams_;
}

Result<Command>
Core::Streams::begin(const Caller& caller, const common::SandboxId& id, LiveRequest request)
{
    RunRequest run;
    run.command = as_typed(request.argv);
    run.user = request.user;
    run.cwd = request.cwd;
    run.env = request.env;
    run.timeout = request.timeout;
    run.attempt = request.call.empty() ? run.attempt : request.attempt;
    run.live = std::move(request);
    const auto patience = core_.settings_.boot_timeout + core_.settings_.grace;
    return core_.ask<Command>(
        patience + core_.settings_.grace,
        [this, caller, id, run = std::move(run), patience](const Reply<Command>& reply) {
            const bool is_call = !run.live->call.empty();
            const Error late{
                ErrorCode::timeout,
                is_call
                    ? fmt::format("{} sandbox {}: no answer in time", run.live->attempt, id.str())
                    : "start a command in sandbox " + id.str() +
                          ": no answer in time; its execs and commands tell what "
                          "became of it",
                "outcome_unknown"};
            const bool receives = run.live->receives && core_.living(caller, id);
            if (const auto may = receives ? receivers_.may_wait(id) : Result<>{}; !may) {
                return reply(may.error());
            }
            if (!core_.wait_for_host(reply, caller, id, patience, late)) {
                return;
            }
            if (receives) {
                const auto ticket = receivers_.add(id, [reply, late] { reply(late); });
                reply.when_given([this, ticket] { receivers_.remove(ticket); });
            }
            if (running_ >= most_running) {
                return reply(Error{ErrorCode::rate_limited,
                                   fmt::format("{} live commands run already", running_),
                                   "busy"});
            }
            core_.touch(caller, id);
            core_.run_when_free(caller, id, run, reply);
        });
}

Result<> Core::Streams::may_see(const Caller& caller, const common::SandboxId& id) const
{
    const auto* sandbox = core_.fleet_.find(id);
    if (sandbox == nullptr || sandbox->tenant != caller.tenant) {
        return Error{ErrorCode::not_found, "no sandbox " + id.str()};
    }
    return {};
}

Result<Core::Streams::Exec*> Core::Streams::known(const Caller& caller,
                                                  const common::SandboxId& id,
                                                  const common::CommandId& exec)
{
    COMMON_CHECK(may_see(caller, id));
    const auto found = execs_.find(exec);
    if (found == execs_.end() || found->second.record.sandbox != id) {
        return no_such_exec(id, exec);
    }
    return &found->second;
}

Result<std::vector<Command>> Core::Streams::list(const Caller& caller, const common::SandboxId& id)
{
    return core_.ask<std::vector<Command>>(
        core_.settings_.grace, [this, caller, id](const Reply<std::vector<Command>>& reply) {
            if (const auto seen = may_see(caller, id); !seen) {
                return reply(seen.error());
            }
            std::vector<Command> found;
            for (const auto& [exec, about] : execs_) {
                if (about.record.sandbox == id && about.record.mode != CommandMode::call) {
                    found.push_back(about.record);
                }
            }
            std::ranges::sort(found, [](const Command& a, const Command& b) {
                const auto newer = common::to_unix_us(a.started_at); // As a Position has it.
                const auto older = common::to_unix_us(b.started_at);
                return std::tie(older, b.id) < std::tie(newer, a.id);
            });
            reply(std::move(found));
        });
}

Result<std::shared_ptr<ExecFeed>> Core::Streams::read(const Caller& caller,
                                                      const common::SandboxId& id,
                                                      const common::CommandId& exec,
                                                      std::uint64_t from)
{
    using Feed = std::shared_ptr<ExecFeed>;
    const auto until = core_.clock_.steady() + core_.settings_.grace;
    auto feed = core_.ask<Feed>(
        core_.settings_.grace * 2, [this, caller, id, exec, from, until](const Reply<Feed>& reply) {
            if (core_.clock_.steady() >= until) {
                return reply(no_answer()); // A reader that nobody waits for would be one for ever.
            }
            const auto found = known(caller, id, exec);
            if (!found) {
                return reply(found.error());
            }
            if ((*found)->readers.size() >= most_readers) {
                return reply(
                    Error{ErrorCode::rate_limited,
                          fmt::format("{} read command {} already", most_readers, exec.str()),
                          "too_many_readers"});
            }
            const auto number = ++readers_;
            const auto post = [loop = core_.loop_](common::EventLoop::Task task) {
                static_cast<void>(loop->post(std::move(task)));
            };
            auto made = std::make_shared<ExecFeed>(
                (*found)->record,
                ExecFeed::Ways{
                    [this, post, exec, number](const ExecEvent& event) {
                        if (const auto* output = std::get_if<ExecOutput>(&event)) {
                            const auto cost = ExecFeed::cost(output->data.size());
                            post([=, this] { taken(exec, number, cost); });
                        }
                    },
                    [this, post, exec, number] { post([=, this] { closed(exec, number); }); }});
            core_.touch(caller, id);
            (*found)->was_read = true;
            add_reader(**found, {number, made, from, 0, 0, 0, 0, {}, false, 0, 0});
            if ((*found)->record.mode == CommandMode::call) {
                block(**found, (*found)->readers.back());
            }
            drop_starters(**found);
            reply(std::move(made));
        });
    if (feed || feed.error().stable_reason() != "no_such_exec") {
        return feed;
    }
    // It may have ended long ago.
    COMMON_TRY(const auto record, core_.store_.command(id, exec));
    if (!record || record->mode == CommandMode::run || record->mode == CommandMode::call ||
        record->status == "running") {
        return feed;
    }
    auto past = std::make_shared<ExecFeed>(*record, ExecFeed::Ways{[](const ExecEvent&) {}, [] {}});
    past->put(ExecFeed::Ended{from, *record});
    return past;
}

void Core::Streams::block(Exec& exec, Reader& reader)
{
    reader.blocked =
        core_.callers_.add(exec.record.sandbox, [this, id = exec.record.id] { let_down(id); });
}

void Core::Streams::unblock(Reader& reader)
{
    core_.callers_.remove(std::exchange(reader.blocked, 0));
    receivers_.remove(std::exchange(reader.receives, 0));
}

void Core::Streams::is_not_blocked(const common::CommandId& call)
{
    static_cast<void>(core_.loop_->post([this, call] {
        if (const auto found = execs_.find(call); found != execs_.end()) {
            std::ranges::for_each(found->second.readers, [this](auto& one) { unblock(one); });
        }
    }));
}

void Core::Streams::receives(const common::CommandId& call)
{
    static_cast<void>(core_.loop_->post([this, call] {
        const auto found = execs_.find(call);
        if (found == execs_.end()) {
            return;
        }
        for (auto& reader : found->second.readers) {
            if (reader.blocked != 0) {
                reader.receives =
                    receivers_.add(found->second.record.sandbox, [this, call] { let_down(call); });
            }
        }
    }));
}

/// Its host does not answer, and too many wait for that.
void Core::Streams::let_down(const common::CommandId& id)
{
    for (auto& reader : execs_.at(id).readers) {
        if (reader.blocked != 0 && reader.feed) {
            reader.feed->put(ExecFeed::Interrupted{"its host does not answer"});
        }
        unblock(reader); // It is closed as soon as that was read.
    }
}

Result<> Core::Streams::input(const Caller& caller,
                              const common::SandboxId& id,
                              const common::CommandId& exec,
                              LiveInput input)
{
    auto done = core_.ask<std::monostate>(
        stdin_patience + core_.settings_.grace * 2,
        [this, caller, id, exec, input = std::move(input)](const Reply<std::monostate>& reply) {
            const Error late{ErrorCode::timeout,
                             "write to command " + exec.str() + ": no answer in time",
                             "outcome_unknown"};
            const auto found = known(caller, id, exec);
            const auto patience = stdin_patience + core_.settings_.grace;
            if (found && (*found)->record.mode == CommandMode::call) {
                core_.give_up(reply, patience, late); // Who reads it is counted already.
            } else if (!core_.wait_for_host(reply, caller, id, patience, late)) {
                return;
            }
            if (!found) {
                return reply(found.error());
            }
            core_.touch(caller, id);
            const auto until = core_.clock_.steady() + stdin_patience;
            const auto* sandbox = core_.fleet_.find(id);
            if (sandbox->phase != Phase::paused && sandbox->phase != Phase::suspended) {
                return send_input(exec, input, until, reply);
            }
            core_.begin_resume(
                caller, id, [this, exec, input, until, reply](const Result<Sandbox>& woken) {
                    if (woken) {
                        send_input(exec, input, until, reply);
                    } else {
                        reply(woken.error());
                    }
                });
        });
    return done ? Result<>{} : Result<>{std::move(done).error()};
}

void Core::Streams::send_input(const common::CommandId& id,
                               const LiveInput& input,
                               common::SteadyTime until,
                               const Reply<std::monostate>& reply)
{
    const auto exec = execs_.find(id);
    if (exec == execs_.end() || exec->second.ended_at) {
        return reply(Error{
            ErrorCode::failed_precondition, "command " + id.str() + " has ended", "exec_ended"});
    }
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = common::mint<common::RequestId>();
    command.what = InputOnHost{exec->second.record.sandbox, exec->second.record.operation, input};
    const auto operation = command.operation;
    inputs_[operation] = [this, id, input, until, reply](const HostAnswer& answer) {
        if (!answer.error) {
            return reply(std::monostate{});
        }
        // A host that has just begun is told of what runs there in a moment.
        const bool later = answer.error->stable_reason() == "no_such_exec" ||
                           answer.error->stable_reason() == "stdin_full" ||
                           answer.error->stable_reason() == "agent_not_ready";
        if (!later || core_.clock_.steady() >= until) {
            return reply(*answer.error);
        }
        core_.loop_->after(stdin_pause, [this, id, input, until, reply] {
            if (!reply.given()) {
                send_input(id, input, until, reply);
            }
        });
    };
    reply.when_given([this, operation] { inputs_.erase(operation); });
    if (auto sent = core_.link_.send(exec->second.host, std::move(command)); !sent) {
        reply(std::move(sent).error());
    }
}

} // namespace coordinator
