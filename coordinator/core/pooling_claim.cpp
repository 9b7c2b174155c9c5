// A warm sandbox becomes somebody's.
#include "coordinator/core/pooling.hpp"

#include "common/log/log.hpp"
#include "common/tenant.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Sandbox Core::Pooling::nobodys(Sandbox sandbox)
{
    sandbox.tenant = common::pool_tenant;
    sandbox.name = sandbox.id.str();
    sandbox.agent_id.clear();
    sandbox.labels.clear();
    sandbox.env.clear();
    sandbox.ttl.reset();
    sandbox.expires_at.reset();
    return sandbox;
}

/// From here on it is the caller's: nobody else can get it, whatever becomes of the claim.
void Core::Pooling::claim(const Caller& caller,
                          const CreateRequest& request,
                          Sandbox sandbox,
                          const common::SandboxId& warm,
                          SandboxDone done)
{
    const Sandbox before = *core_.fleet_.find(warm);
    sandbox.id = before.id;
    if (request.name.empty()) {
        sandbox.name = before.id.str();
    }
    sandbox.host = before.host;
    sandbox.overhead = before.overhead;
    sandbox.ip = before.ip;
    sandbox.generation = before.generation + 1;
    sandbox.phase = Phase::starting;
    const auto op = core_.begin_operation(
        Pending::Kind::claim, caller, sandbox, ClaimOnHost{sandbox, core_.settings_.claim_timeout});
    op->otherwise = {request, request.pool == WarmUse::require ? MadeFrom::warm : MadeFrom::source};
    op->waiting.push_back(std::move(done));
    core_.put(sandbox);
    const auto detail = detail_of({{"pool", before.pool},
                                   {"image", sandbox.image.str()},
                                   {"image_digest", sandbox.image_digest},
                                   {"name", sandbox.name},
                                   {"agent_id", sandbox.agent_id}});
    core_.save(
        {sandbox, op->row, core_.intent_of(op, detail)}, [this, op, before](const Result<>& saved) {
            if (!core_.pending_.contains(op->row.id)) {
                return; // It was destroyed meanwhile, which was told and recorded.
            }
            const auto& now = *core_.fleet_.find(before.id);
            if (!saved) {
                const auto error = not_recorded("create a sandbox", saved.error());
                if (now.generation != op->row.generation) {
                    return core_.conclude(op, error); // A destroy came in between: it ends it.
                }
                if (error.code == ErrorCode::timeout) {
                    core_.conclude(op, error); // It may be written down: then as one that is gone.
                    return give_up_claimed(before.id);
                }
                core_.retire(op);
                core_.put(before); // It stands ready as if nobody had asked.
                return core_.tell(op, error);
            }
            op->durable = true;
            core_.dispatch(op);
        });
}

void Core::Pooling::finish_claim(const Op& op, const HostAnswer& answer)
{
    if (!answer.error) {
        return core_.finish_create(op, answer);
    }
    const auto now = *core_.fleet_.find(op->row.sandbox);
    if (now.generation != op->row.generation || now.desired == Desired::destroyed) {
        return core_.conclude(op, *answer.error);
    }
    found_dead(now, *answer.error);
    const auto asked = std::exchange(op->waiting, {});
    core_.conclude(op, *answer.error);
    give_up_claimed(now.id);
    begin_otherwise(op, asked, *answer.error);
}

void Core::Pooling::found_dead(const Sandbox& sandbox, const Error& why)
{
    spdlog::warn(
        "warm sandbox {} could not be claimed and is destroyed: {}", sandbox.id.str(), why.message);
    if (const auto* pool = pool_of(sandbox); pool != nullptr) {
        ++counts_[pool->name].dead;
    }
}

/// A claim came to nothing, and what is left may be anything: nobody gets it any more.
void Core::Pooling::give_up_claimed(const common::SandboxId& id)
{
    core_.put(nobodys(*core_.fleet_.find(id)));
    core_.dirty_.insert(id);
    core_.begin_destroy(caller(), id, [](const Result<Sandbox>&) {});
}

/// Whoever asked first for what `op` did not make gets another; who joined later meant that one.
void Core::Pooling::begin_otherwise(const Op& op,
                                    const std::vector<SandboxDone>& asked,
                                    const Error& error)
{
    for (std::size_t i = 1; i < asked.size(); ++i) {
        asked[i](error);
    }
    core_.begin_create(op->caller, op->otherwise->request, op->otherwise->from, asked.front());
}

} // namespace coordinator
