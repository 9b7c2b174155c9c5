// Sandboxes that change hosts: what is left to do, also after a restart.
#include "coordinator/core/replicating.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Caller Core::Moving::ours(const Sandbox& sandbox) const
{
    return {"system:move", sandbox.tenant, common::mint<common::RequestId>()};
}

void Core::Moving::destroyed(const common::SandboxId& id)
{
    stranded_.erase(id);
    const auto found = moves_.find(id);
    if (found == moves_.end()) {
        return leave(id); // If it was about to be asked for again.
    }
    const auto move = found->second;
    moves_.erase(found);
    const Error error{
        ErrorCode::failed_precondition, "sandbox " + id.str() + " was destroyed", "wrong_state"};
    give_up_step(move);
    if (!move->state.empty()) {
        core_.checkpoints_.release(move->state);
    }
    if (move->stage != Stage::arriving) {
        drop_copies(move);
    }
    core_.conclude(move->op, error);
    leave(id);
    let_in(move);
    move->done(error);
}

/// It is whole where it is, or nowhere: the host that it came from is to be rid of it.
void Core::Moving::leave(const common::SandboxId& id)
{
    const auto* now = core_.fleet_.find(id);
    if (now == nullptr || now->left_host.empty()) {
        return;
    }
    auto left = *now;
    const auto host = std::exchange(left.left_host, {});
    left.remains_on.insert(host);
    core_.put(std::move(left));
    core_.dirty_.insert(id);
    remove_remains(id, host);
}

void Core::Moving::remove_remains(const common::SandboxId& id, const common::HostName& host)
{
    auto there = *core_.fleet_.find(id);
    there.host = host;
    const auto op = core_.begin_operation(Kind::leave, ours(there), there, DestroyOnHost{id});
    op->recorded = false;
    op->durable = true;
    core_.dispatch(op);
}

void Core::Moving::finish_leaving(const Op& op, const HostAnswer& answer)
{
    core_.retire(op);
    const auto* found = core_.fleet_.find(op->row.sandbox);
    if (found == nullptr || !found->remains_on.contains(op->host)) {
        return;
    }
    if (answer.error && answer.error->code != ErrorCode::not_found) {
        spdlog::warn("host {} still has what sandbox {} was made of there: {}",
                     op->host.str(),
                     found->id.str(),
                     answer.error->message);
        core_.loop_->after(again_after, [this, id = found->id, host = op->host] {
            const auto* still = core_.fleet_.find(id);
            if (still != nullptr && still->remains_on.contains(host)) {
                remove_remains(id, host);
            }
        });
        return;
    }
    auto gone = *found;
    gone.remains_on.erase(op->host);
    core_.put(gone);
    core_.dirty_.insert(gone.id);
}

/// It is its host's by our records, which may not have made it yet.
void Core::Moving::arrive_again(const common::SandboxId& id)
{
    const auto* sandbox = core_.fleet_.find(id);
    if (sandbox == nullptr || sandbox->phase == Phase::destroyed || is_moving(id) ||
        sandbox->moving_to.empty() || sandbox->left_host.empty()) {
        return;
    }
    if (sandbox->desired == Desired::destroyed) { // That ends this, too, unless it is taken back.
        core_.loop_->after(again_after, [this, id] { arrive_again(id); });
        return;
    }
    const auto all = core_.checkpoints_.of(id);
    const auto state_on = [&all](const common::HostName& host) {
        return std::ranges::find_if(all, [&host](const Checkpoint& one) {
            return one.hidden && one.host == host && one.status == Checkpoint::Status::ready;
        });
    };
    const auto state = state_on(sandbox->host);
    if (const auto here = state_on(sandbox->left_host); state == all.end() && here != all.end()) {
        return never_left(*sandbox, *here);
    }
    if (state == all.end()) { // It was made of it, or it would be there.
        unmark(id);
        return leave(id);
    }
    const auto move = std::make_shared<Move>();
    move->caller = ours(*sandbox);
    move->id = id;
    move->from = sandbox->left_host;
    move->to = sandbox->host;
    move->stage = Stage::arriving;
    move->state = state->id;
    move->memory = state->has_memory;
    move->revived = core_.replicating_->has(sandbox->host, state->id);
    move->was = state->has_memory ? Phase::running : Phase::stopped;
    move->done = [](const Result<Sandbox>&) {};
    for (auto checkpoint : all) {
        if (checkpoint.status == Checkpoint::Status::ready && checkpoint.host == sandbox->host) {
            checkpoint.host = move->from;
            if (move->revived && checkpoint.id == move->state) {
                checkpoint.status = Checkpoint::Status::deleted;
            }
            move->before.push_back(checkpoint);
        }
    }
    if (!core_.checkpoints_.is_held(move->state)) {
        core_.checkpoints_.hold(move->state);
    }
    const bool boots = state->has_memory || (move->revived && sandbox->desired == Desired::running);
    move->op = core_.begin_operation(
        Kind::move,
        move->caller,
        *sandbox,
        CreateOnHost{*sandbox, boots, core_.settings_.boot_timeout, state->id});
    move->op->came_from = move->revived       ? (boots ? Phase::running : Phase::stopped)
                          : state->has_memory ? Phase::paused
                                              : Phase::stopped;
    move->op->durable = true;
    moves_.emplace(id, move);
    core_.save_outcome(
        {move->op->row, core_.intent_of(move->op, detail_of({{"to", move->to.str()}}))},
        [](const Result<>&) {});
    core_.dispatch(move->op);
}

/// Another write has carried what was not on record as a whole: its new host was asked for nothing.
void Core::Moving::never_left(const Sandbox& sandbox, const Checkpoint& state)
{
    auto back = sandbox;
    back.host = std::exchange(back.left_host, {});
    ++back.generation;
    back.phase = state.has_memory ? Phase::paused : Phase::stopped;
    core_.dirty_.insert(back.id);
    stranded_.insert(back.id);
    core_.put(std::move(back));
}

void Core::Moving::adopt()
{
    std::vector<Sandbox> all;
    for (const auto& [id, sandbox] : core_.fleet_.sandboxes()) {
        if (!sandbox.left_host.empty() || !sandbox.moving_to.empty() ||
            !sandbox.remains_on.empty()) {
            all.push_back(sandbox);
        }
    }
    for (const auto& sandbox : all) {
        for (const auto& host : sandbox.remains_on) {
            remove_remains(sandbox.id, host);
        }
        const bool lives = sandbox.phase != Phase::destroyed;
        if (lives && !sandbox.moving_to.empty() && !sandbox.left_host.empty()) {
            arrive_again(sandbox.id);
        } else if (!sandbox.left_host.empty()) {
            leave(sandbox.id);
        } else if (lives && !sandbox.moving_to.empty()) {
            stranded_.insert(sandbox.id);
        }
    }
}

/// It goes on; until it does its record tells that it stands still for a move.
void Core::Moving::let_go_on(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    core_.begin_start(caller, id, [this, id, done = std::move(done)](const Result<Sandbox>& going) {
        if (going) {
            unmark(id);
        }
        done(going);
    });
}

/// It is on its way no more.
void Core::Moving::unmark(const common::SandboxId& id)
{
    const auto* now = core_.fleet_.find(id);
    if (now->moving_to.empty()) {
        return;
    }
    auto unmarked = *now;
    unmarked.moving_to = {};
    core_.put(std::move(unmarked));
    core_.dirty_.insert(id);
}

/// Whoever stands still for a move that is no more goes on.
void Core::Moving::wake_stranded()
{
    const auto all = stranded_;
    for (const auto& id : all) {
        const auto* sandbox = core_.fleet_.find(id);
        if (sandbox == nullptr || sandbox->phase == Phase::destroyed) {
            stranded_.erase(id);
            continue;
        }
        const auto* host = core_.fleet_.host(sandbox->host);
        if (host == nullptr || host->host.health != HostHealth::ready || !host->inventoried ||
            core_.lifecycle_of(id)) {
            continue;
        }
        stranded_.erase(id);
        if (sandbox->phase != Phase::paused) {
            unmark(id);
            continue;
        }
        let_go_on(ours(*sandbox), id, [this, id](const Result<Sandbox>& going) {
            if (!going) {
                core_.loop_->after(again_after, [this, id] { stranded_.insert(id); });
            }
        });
    }
}

} // namespace coordinator
