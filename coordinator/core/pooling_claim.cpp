// A warm sandbox becomes somebody's.
#include "coordinator/core/pooling.hpp"

#include "common/log/log.hpp"
#include "common/tenant.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// What an answer may take on its way beyond what its host was given.
constexpr std::chrono::milliseconds answer_grace{1000};

} // namespace

Sandbox Core::Pooling::nobodys(Sandbox sandbox)
{
    sandbox.tenant = common::pool_tenant;
    sandbox.name = sandbox.id.str();
    sandbox.agent_id.clear();
    sandbox.labels.clear();
    sandbox.env.clear();
    sandbox.files = {};
    sandbox.wants = {};
    sandbox.replicas = {};
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
    --op->otherwise->request.claims_left;
    op->waiting.push_back(std::move(done));
    core_.put(sandbox);
    if (request.placed) {
        request.placed(sandbox.id);
    }
    const auto detail = detail_of_create(sandbox, request, before.pool);
    core_.save({sandbox, op->row, core_.intent_of(op, detail)},
               [this, op, before](const Result<>& saved) { claim_saved(op, before, saved); });
}

void Core::Pooling::claim_saved(const Op& op, const Sandbox& before, const Result<>& saved)
{
    if (!core_.pending_.contains(op->row.id)) {
        return; // It was destroyed meanwhile, which was told and recorded.
    }
    if (saved) {
        op->durable = true;
        core_.dispatch(op);
        // Its host may be gone, or not answer: whoever waits gets another one.
        core_.loop_->after(core_.settings_.claim_timeout + answer_grace, [this, op] {
            if (core_.pending_.contains(op->row.id)) {
                finish_claim(op,
                             {op->host,
                              op->row.id,
                              Error{ErrorCode::timeout, "its host has not answered in time"},
                              {}});
            }
        });
        return;
    }
    const auto error = not_recorded("create a sandbox", saved.error());
    const bool untouched = core_.fleet_.find(before.id)->generation == op->row.generation;
    if (!untouched || error.code == ErrorCode::timeout) {
        const auto asked = std::exchange(op->waiting, {});
        give_up_claimed(op, error); // It may be written down: then as one that is gone.
        for (const auto& done : asked) {
            done(error);
        }
        return;
    }
    core_.retire(op);
    core_.put(before);                     // It stands ready as if nobody had asked,
    core_.dirty_.insert(before.id);        // unless another write carried what is taken back,
    core_.link_.request_sync(before.host); // or its host said something meanwhile.
    core_.tell(op, error);
}

void Core::Pooling::finish_claim(const Op& op, const HostAnswer& answer)
{
    if (!answer.error) {
        return core_.finish_create(op, answer);
    }
    found_dead(*core_.fleet_.find(op->row.sandbox), *answer.error);
    const auto asked = std::exchange(op->waiting, {});
    if (give_up_claimed(op, *answer.error)) {
        return begin_otherwise(op, asked, *answer.error);
    }
    for (const auto& done : asked) {
        done(*answer.error);
    }
}

void Core::Pooling::found_dead(const Sandbox& sandbox, const Error& why)
{
    spdlog::warn(
        "warm sandbox {} could not be claimed and is destroyed: {}", sandbox.id.str(), why.message);
    if (const auto* pool = pool_of(sandbox); pool != nullptr) {
        ++counts_[pool->name].dead;
        failed({pool->name, sandbox.host}, why, Blame::source);
    }
}

/// A claim came to nothing, and what is left may be anything: nobody gets it any more, which the
/// same write says that ends the claim. False if somebody destroys it already.
bool Core::Pooling::give_up_claimed(const Op& op, const Error& error)
{
    const auto id = op->row.sandbox;
    const auto current = core_.lifecycle_of(id);
    if (current && current->kind == Pending::Kind::destroy) {
        core_.conclude(op, error);
        return false;
    }
    auto gone = nobodys(*core_.fleet_.find(id));
    gone.desired = Desired::destroyed; // If its destroy is not recorded, it is begun again.
    core_.put(std::move(gone));
    core_.conclude(op, error);
    destroy_claimed(id);
    return true;
}

void Core::Pooling::destroy_claimed(const common::SandboxId& id)
{
    core_.begin_destroy(caller(), id, [id](const Result<Sandbox>& destroyed) {
        if (!destroyed) {
            spdlog::warn("destroy of {} goes on: {}", id.str(), destroyed.error().message);
        }
    });
}

void Core::Pooling::claim_left_over(const Op& claim)
{
    auto gone = nobodys(*core_.fleet_.find(claim->row.sandbox));
    gone.desired = Desired::destroyed;
    core_.put(std::move(gone));
    core_.dirty_.insert(claim->row.sandbox);
    destroy_claimed(claim->row.sandbox);
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
