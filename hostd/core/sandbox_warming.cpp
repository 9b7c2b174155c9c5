// Warm sandboxes: brought up and paused for nobody yet, then claimed.
#include "common/tenant.hpp"
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;

void SandboxService::up(const Op& op, const Sandbox& sandbox)
{
    const auto* create = std::get_if<CreateCommand>(&op->command.what);
    if (create != nullptr && create->warm) {
        return warm_up(op, sandbox.status.spec.id);
    }
    answer(op, sandbox.status);
}

/// Once a command has run, the next one finds everything in memory that it takes, and translated
/// where the guest is emulated.
void SandboxService::warm_up(const Op& op, const common::SandboxId& id)
{
    if (table_.at(id).status.agent != AgentKind::paddock) {
        return fail(op,
                    {ErrorCode::failed_precondition,
                     "the image of " + id.str() + " has no agent of ours: nobody could claim it",
                     "no_agent"});
    }
    ExecSpec spec;
    spec.operation = op->command.operation;
    spec.shell = "true";
    spec.user = "sandbox";
    spec.timeout = std::chrono::seconds{30};
    spec.output_limit = common::Bytes{1024};
    ports_.guests.exec(
        id, std::move(spec), [this, loop = loop_, op, id](common::Result<ExecOutcome> outcome) {
            static_cast<void>(loop->post([this, op, id, outcome = std::move(outcome)]() mutable {
                // That the image has no such user keeps nobody from using it as another.
                if (!outcome && outcome.error().code != ErrorCode::refused) {
                    return fail(op, std::move(outcome).error().during("warm up " + id.str()));
                }
                ports_.guests.acknowledge(id, op->command.operation);
                pause_when_its_turn_comes(op, id);
            }));
        });
}

void SandboxService::claim(const Op& op)
{
    const auto& command = std::get<ClaimCommand>(op->command.what);
    const auto id = command.id;
    if (current(op, id) == nullptr) {
        return;
    }
    answer_by(op, id, command.timeout);
    in_lane_of(op, id, [this, op, id](Sandbox& now) {
        const auto& wanted = std::get<ClaimCommand>(op->command.what);
        const auto& status = now.status;
        const bool theirs = status.spec.tenant == wanted.tenant && status.spec.name == wanted.name;
        if (theirs && status.phase == Phase::running && status.agent_ready) {
            answer(op, status);
        } else if (theirs && now.boot) {
            now.boot->waiting.push_back(op);
        } else if (!theirs && status.spec.tenant != common::pool_tenant) {
            fail(op, {ErrorCode::already_exists, "sandbox " + id.str() + " is somebody's already"});
        } else if (status.phase != Phase::paused || status.agent != AgentKind::paddock ||
                   status.error) {
            fail(op,
                 {ErrorCode::unavailable,
                  "the warm sandbox " + id.str() + " is " + std::string{to_string(status.phase)} +
                      ", not ready" + (status.error ? ": " + status.error->message : ""),
                  "not_warm"});
        } else {
            return claim_in_lane(op, now);
        }
        leave_lane(id);
    });
}

void SandboxService::claim_in_lane(const Op& op, Sandbox& sandbox)
{
    const auto& command = std::get<ClaimCommand>(op->command.what);
    const auto id = command.id;
    auto spec = sandbox.status.spec;
    spec.tenant = command.tenant;
    spec.name = command.name;
    const auto generation = op->command.generation;
    const auto incarnation = sandbox.status.incarnation;
    const auto begun = ports_.clock.steady();
    blocking(
        [this, id, spec, generation, incarnation]() -> common::Result<> {
            COMMON_CHECK(ports_.hypervisor.set_owner(id, spec, generation));
            return ports_.hypervisor.go_on(id, incarnation);
        },
        [this, op, id, spec, begun](common::Result<> result) {
            if (result) {
                table_.at(id).status.timings = {
                    {"resume",
                     std::chrono::duration_cast<std::chrono::microseconds>(ports_.clock.steady() -
                                                                           begun)}};
                claimed(op, spec);
            } else {
                fail(op, std::move(result).error().during("claim " + id.str()));
                refresh(id);
            }
            leave_lane(id);
        });
}

/// It runs. The claim is answered once the guest has said that it is who it is now.
void SandboxService::claimed(const Op& op, const SandboxSpec& spec)
{
    auto& sandbox = table_.at(spec.id);
    auto& status = sandbox.status;
    status.spec = spec;
    status.spec_digest = digest_of(spec);
    status.generation = std::max(status.generation, op->command.generation);
    status.phase = Phase::starting;
    status.agent_ready = false;
    sandbox.frozen = false;
    sandbox.ip_tries = settings_.ip_tries;
    auto& boot = sandbox.boot.emplace();
    boot.begun = ports_.clock.steady();
    boot.waiting.push_back(op);
    publish(sandbox);
    if (sandbox.attached) {
        ports_.guests.become(spec.id, {spec.name, status.net.mac, status.net.ip});
    } else {
        attach(sandbox);
    }
}

} // namespace hostd
