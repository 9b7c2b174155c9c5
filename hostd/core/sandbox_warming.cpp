// Warm sandboxes: brought up and paused for nobody yet, then claimed.
#include "common/tenant.hpp"
#include "hostd/core/sandbox_service.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;

namespace {

constexpr unsigned warm_runs = 5;

} // namespace

void SandboxService::up(const Op& op, const Sandbox& sandbox)
{
    const auto* create = std::get_if<CreateCommand>(&op->command.what);
    if (create != nullptr && create->warm) {
        return warm_up(op, sandbox.status.spec.id, warm_runs);
    }
    answer(op, sandbox.status);
}

/// Once commands have run, the next one finds everything in memory that it takes; where the guest
/// is emulated it takes some until all of that is translated.
void SandboxService::warm_up(const Op& op, const common::SandboxId& id, unsigned runs)
{
    if (table_.at(id).status.agent != AgentKind::paddock) {
        return fail(op,
                    {ErrorCode::failed_precondition,
                     "the image of " + id.str() + " has no agent of ours: nobody could claim it",
                     "no_agent"});
    }
    ExecSpec spec;
    spec.operation = common::OperationId{op->command.operation.str() + "-" + std::to_string(runs)};
    spec.shell = "true";
    spec.user = "sandbox";
    spec.timeout = std::chrono::seconds{30};
    spec.output_limit = common::Bytes{1024};
    const auto ended =
        [this, op, id, runs, run = spec.operation](common::Result<ExecOutcome> outcome) {
            // That the image has no such user keeps nobody from using it as another.
            const bool refused = !outcome && outcome.error().code == ErrorCode::refused;
            if (!outcome && !refused) {
                return fail(op, std::move(outcome).error().during("warm up " + id.str()));
            }
            ports_.guests.acknowledge(id, run);
            const bool there = find(id) != nullptr && is_up(find(id)->status.phase);
            if (runs > 1 && !refused && there) {
                return warm_up(op, id, runs - 1);
            }
            pause_when_its_turn_comes(op, id);
        };
    ports_.guests.exec(
        id, std::move(spec), [loop = loop_, ended](common::Result<ExecOutcome> outcome) {
            static_cast<void>(loop->post(
                [ended, outcome = std::move(outcome)]() mutable { ended(std::move(outcome)); }));
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
            return refuse_fenced(op) ? leave_lane(id) : claim_in_lane(op, now);
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
    const auto incarnation = sandbox.status.incarnation;
    const auto begun = ports_.clock.steady();
    blocking([this, id, incarnation] { return ports_.hypervisor.go_on(id, incarnation); },
             [this, op, id, spec, begun](common::Result<> result) {
                 if (!result) {
                     fail(op, std::move(result).error().during("claim " + id.str()));
                     leave_lane(id);
                     return refresh(id);
                 }
                 table_.at(id).status.timings = {
                     {"resume",
                      std::chrono::duration_cast<std::chrono::microseconds>(ports_.clock.steady() -
                                                                            begun)}};
                 claimed(op, spec);
             });
}

/// It runs. While its guest becomes who it is now, its domain is given its owner. If this process
/// ends before that is written, it belongs to nobody, and runs, and is not given to anybody.
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
    auto& boot = *(sandbox.boot = Boot{});
    boot.begun = ports_.clock.steady();
    publish(sandbox);
    if (sandbox.attached) {
        ports_.guests.become(spec.id, {spec.name, status.net.mac, status.net.ip});
    } else {
        attach(sandbox);
    }
    const auto id = spec.id;
    const auto generation = status.generation;
    blocking(
        [this, spec, generation] { return ports_.hypervisor.set_owner(spec.id, spec, generation); },
        [this, op, id](common::Result<> recorded) {
            auto& now = table_.at(id);
            if (!recorded) {
                fail(op, std::move(recorded).error().during("claim " + id.str()));
            } else if (now.boot) {
                now.boot->waiting.push_back(op);
            } else if (now.status.phase == Phase::running && now.status.agent_ready) {
                answer(op, now.status);
            } else {
                fail(op, not_running(now, "claim"));
            }
            leave_lane(id);
        });
}

} // namespace hostd
