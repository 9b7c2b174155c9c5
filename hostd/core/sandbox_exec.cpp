// Commands in guests, and the list of other people's VMs.
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;

void SandboxService::exec(const Op& op)
{
    const auto& command = std::get<ExecCommand>(op->command.what);
    const auto& id = command.id;
    auto* sandbox = find(id);
    if (sandbox == nullptr) {
        return fail(op, {ErrorCode::not_found, "no sandbox " + id.str() + " on this host"});
    }
    // One that was sent before is only looked for, however old it is by now.
    if (!command.exec.resumed && is_stale(op, *sandbox)) {
        return;
    }
    if (!is_up(sandbox->status.phase)) {
        return fail(op,
                    {ErrorCode::failed_precondition,
                     "sandbox " + id.str() + " is " +
                         std::string{to_string(sandbox->status.phase)} + ", not running",
                     "not_running"});
    }
    auto spec = command.exec;
    spec.operation = op->command.operation;
    const auto done = [this, loop = loop_, op](common::Result<ExecOutcome> outcome) {
        auto finished = [this, op, outcome = std::move(outcome)]() mutable {
            if (outcome) {
                answer(op, *std::move(outcome));
            } else {
                fail(op, std::move(outcome).error());
            }
        };
        static_cast<void>(loop->post(std::move(finished)));
    };
    switch (sandbox->status.agent) {
    case AgentKind::paddock: return ports_.guests.exec(id, std::move(spec), done);
    case AgentKind::qemu:
        if (spec.live) {
            return fail(op,
                        {ErrorCode::failed_precondition,
                         "the image of " + id.str() +
                             " has qemu-guest-agent, which runs commands to their end only",
                         "no_live_exec"});
        }
        if (spec.resumed) {
            // qemu-guest-agent keeps nothing that could be asked for after a lost answer.
            return fail(op,
                        {ErrorCode::timeout,
                         "the answer to the command was lost with the daemon that ran it",
                         "outcome_unknown"});
        }
        // Not in the lane: a long command must not keep the VM from being stopped.
        blocking_on(
            *qemu_agent_workers_,
            [this, id, spec] { return ports_.hypervisor.qemu_agent_exec(id, spec); },
            done);
        return;
    case AgentKind::none: break;
    }
    fail(op,
         {ErrorCode::failed_precondition,
          "the image of " + id.str() + " has no agent: commands cannot be run",
          "no_agent"});
}

void SandboxService::acknowledge(const Command& command)
{
    const auto& id = std::get<AckExecCommand>(command.what).id;
    answers_.forget(command.operation);
    if (const auto* sandbox = find(id); sandbox != nullptr && sandbox->attached) {
        ports_.guests.acknowledge(id, command.operation);
    }
}

bool SandboxService::serve_live_exec(Command& command)
{
    auto& guests = ports_.guests;
    if (const auto* open = std::get_if<OpenReaderCommand>(&command.what)) {
        guests.open_reader(open->id, open->reader, open->from, open->credit);
    } else if (const auto* grant = std::get_if<GrantReaderCommand>(&command.what)) {
        guests.grant_reader(grant->id, grant->reader, grant->bytes);
    } else if (const auto* close = std::get_if<CloseReaderCommand>(&command.what)) {
        guests.close_reader(close->id, close->reader);
    } else if (auto* watch = std::get_if<WatchOutputCommand>(&command.what)) {
        guests.watch_output(watch->id, std::move(watch->watch));
    } else if (const auto* unwatch = std::get_if<UnwatchOutputCommand>(&command.what)) {
        guests.unwatch_output(unwatch->id, unwatch->watch);
    } else if (std::holds_alternative<CloseReadersCommand>(command.what)) {
        guests.close_readers();
    } else if (auto* input = std::get_if<InputCommand>(&command.what)) {
        guests.input(input->id,
                     input->exec,
                     std::move(input->input),
                     [this, operation = command.operation, request = command.request](
                         common::Result<> taken) {
                         Answer answer{operation, request, {}, {}, {}};
                         if (!taken) {
                             answer.error = std::move(taken).error();
                         }
                         ports_.uplink.answer(std::move(answer));
                     });
    } else {
        return false;
    }
    return true;
}

void SandboxService::read(const Op& op)
{
    const auto wanted = std::get<ReadCommand>(op->command.what);
    const auto* sandbox = find(wanted.id);
    if (sandbox == nullptr) {
        return fail(op, {ErrorCode::not_found, "this host has no sandbox " + wanted.id.str()});
    }
    blocking(
        [this, wanted, files = sandbox->files]() -> common::Result<Reading> {
            auto reading = ports_.hypervisor.reading(wanted.id);
            if (!reading && reading.error().code == ErrorCode::not_found) {
                reading = Reading{}; // It is suspended: its domain is not even defined.
            }
            if (reading) {
                reading->disk = ports_.store.taken_by(files);
                auto [text, cut] = ports_.store.console_of(files, wanted.console_bytes);
                reading->console = std::move(text);
                reading->console_cut = cut;
            }
            return reading;
        },
        [this, op](common::Result<Reading> reading) {
            if (reading) {
                answer(op, *std::move(reading));
            } else {
                fail(op, std::move(reading).error());
            }
        });
}

void SandboxService::list_vms(const Op& op)
{
    blocking([this] { return ports_.hypervisor.list_foreign(); },
             [this, op](common::Result<std::vector<ForeignVm>> vms) {
                 if (vms) {
                     answer(op, *std::move(vms));
                 } else {
                     fail(op, std::move(vms).error());
                 }
             });
}

} // namespace hostd
