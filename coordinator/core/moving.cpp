// Sandboxes that change hosts: from the wish to when all of it is there.
#include "coordinator/core/moving.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

void Core::Moving::begin(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    const auto found = core_.living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    if (const auto may = may_move(sandbox); !may) {
        return done(may.error());
    }
    const auto to = target(sandbox);
    if (!to) {
        return done(to.error());
    }
    const auto move = std::make_shared<Move>();
    move->caller = caller;
    move->id = id;
    move->from = sandbox.host;
    move->to = *to;
    move->was = sandbox.phase;
    move->done = std::move(done);
    move->heard = core_.clock_.steady();
    // What the other host is asked for is said when it is to be had.
    move->op = core_.begin_operation(Kind::move, caller, sandbox, ListVmsOnHost{});
    moves_.emplace(id, move);
    core_.save({move->op->row,
                core_.intent_of(
                    move->op,
                    detail_of({{"to", to->str()}, {"phase", std::string{to_string(move->was)}}}))},
               [this, move](const Result<>& saved) { begun(move, saved); });
}

void Core::Moving::begun(const Moved& move, const Result<>& saved)
{
    if (!is_under_way(move)) {
        return; // It was destroyed meanwhile, or given up.
    }
    if (!saved) {
        const auto error = not_recorded(move->op->row.kind + " a sandbox", saved.error());
        if (error.code == ErrorCode::timeout) {
            return fail(move, error); // It may be written down.
        }
        moves_.erase(move->id);
        core_.retire(move->op);
        return move->done(error);
    }
    move->op->durable = true;
    go_on(move);
}

bool Core::Moving::is_under_way(const Moved& move) const
{
    const auto found = moves_.find(move->id);
    return found != moves_.end() && found->second == move;
}

/// One that people see is copied while it is ready.
bool Core::Moving::is_wanted(const common::SnapshotId& id) const
{
    const auto* now = core_.checkpoints_.find(id);
    return now != nullptr && now->status == Checkpoint::Status::ready;
}

/// The next thing to do before it stands still. Snapshots come and go meanwhile; the oldest is the
/// first, since others lie on it.
void Core::Moving::go_on(const Moved& move)
{
    std::erase_if(move->there, [this, &move](const CheckpointReport& copy) {
        const auto* now = core_.checkpoints_.find(copy.id);
        const bool gone = now == nullptr || now->status == Checkpoint::Status::deleted;
        if (gone) {
            core_.drop_copy(move->to, copy);
        }
        return gone;
    });
    for (const auto& kept : core_.checkpoints_.listed(move->id)) {
        if (kept.status == Checkpoint::Status::ready && !move->had.contains(kept.id) &&
            std::ranges::find(move->there, kept.id, &CheckpointReport::id) == move->there.end()) {
            move->stage = Stage::copying;
            let_in(move);
            return copy(move, kept.id);
        }
    }
    if (move->stays) {
        return capture_copy(move);
    }
    if (std::exchange(move->stage, Stage::closing) != Stage::closing) {
        move->heard = core_.clock_.steady();
    }
    if (is_quiet(move->id)) {
        hold_still(move); // Else the next tick looks again.
    }
}

void Core::Moving::hold_still(const Moved& move)
{
    const auto* now = core_.fleet_.find(move->id);
    move->stage = Stage::still;
    move->was = now->phase;
    if (now->host != move->from || now->desired == Desired::destroyed) {
        return fail(move, wrong_state(*now, "move"));
    }
    if (const auto may = may_arrive(*now, move->to); !may) {
        return fail(move, may.error()); // It was off when that host was chosen.
    }
    switch (now->phase) {
    case Phase::suspended: return wake(move);
    case Phase::paused:
    case Phase::created:
    case Phase::stopped: return capture(move);
    case Phase::running: break;
    default: return fail(move, wrong_state(*now, "move"));
    }
    auto marked = *now;
    marked.moving_to = move->to; // Should this process end now, it must not stand still for ever.
    core_.put(std::move(marked));
    move->still_since = core_.clock_.steady();
    core_.begin_pause(move->caller, move->id, [this, move](const Result<Sandbox>& paused) {
        if (is_under_way(move)) {
            paused ? capture(move) : fail(move, paused.error());
        }
    });
}

/// What is suspended can be captured once it is awake.
void Core::Moving::wake(const Moved& move)
{
    core_.begin_start(move->caller, move->id, [this, move](const Result<Sandbox>& awake) {
        if (!is_under_way(move)) {
            return;
        }
        if (!awake) {
            return fail(move, awake.error());
        }
        move->still_since = core_.clock_.steady();
        core_.begin_pause(move->caller, move->id, [this, move](const Result<Sandbox>& paused) {
            if (is_under_way(move)) {
                paused ? capture(move) : fail(move, paused.error());
            }
        });
    });
}

void Core::Moving::capture(const Moved& move)
{
    move->memory = core_.fleet_.find(move->id)->phase == Phase::paused;
    core_.begin_snapshot(move->caller,
                         move->id,
                         {"move-" + common::random_base32_80(), move->memory},
                         Kept::for_one_fork,
                         [this, move](const Result<Checkpoint>& taken) {
                             if (!is_under_way(move)) {
                                 return;
                             }
                             if (!taken) {
                                 return fail(move, taken.error());
                             }
                             move->state = taken->id;
                             if (move->memory && !taken->frozen) {
                                 return fail(
                                     move,
                                     {ErrorCode::failed_precondition,
                                      "move sandbox " + move->id.str() +
                                          ": its agent did not hold it still; stopped, it can move",
                                      "guest_not_frozen"});
                             }
                             move->stage = Stage::crossing;
                             copy(move, move->state);
                         });
}

/// A host is asked for a step of it: not on record, and asked again as all is.
Op Core::Moving::ask(const Moved& move,
                     Kind kind,
                     const common::HostName& host,
                     decltype(HostCommand::what) what)
{
    auto there = *core_.fleet_.find(move->id);
    there.host = host;
    auto op = core_.begin_operation(kind, move->caller, there, std::move(what));
    op->recorded = false;
    op->durable = true;
    move->step = op;
    move->heard = core_.clock_.steady();
    core_.dispatch(op);
    return op;
}

void Core::Moving::copy(const Moved& move, const common::SnapshotId& snapshot)
{
    move->copying = snapshot;
    ask(move, Kind::offer_snapshot, move->from, OfferSnapshotOnHost{move->id, snapshot});
}

void Core::Moving::finish(const Op& op, const HostAnswer& answer)
{
    if (op->kind == Kind::leave) {
        return finish_leaving(op, answer);
    }
    const auto move = of(op);
    if (!move) {
        return core_.retire(op);
    }
    if (op->kind == Kind::move) {
        return finish_arrival(move, answer);
    }
    core_.retire(op);
    move->step = nullptr;
    move->heard = core_.clock_.steady();
    if (answer.error && move->stage == Stage::copying && !is_wanted(move->copying)) {
        move->wanted.clear();
        return go_on(move); // It was deleted meanwhile, by whoever may.
    }
    if (answer.error) {
        auto error = *answer.error;
        if (op->kind == Kind::fetch_snapshot) {
            shun(move, error);
        }
        return fail(move, std::move(error).during("move sandbox " + move->id.str()));
    }
    op->kind == Kind::offer_snapshot ? finish_offer(move, answer) : finish_fetch(move, answer);
}

Core::Moving::Moved Core::Moving::of(const Op& op) const
{
    const auto found = moves_.find(op->row.sandbox);
    const bool known =
        found != moves_.end() && (found->second->op == op || found->second->step == op);
    return known ? found->second : nullptr;
}

void Core::Moving::finish_offer(const Moved& move, const HostAnswer& answer)
{
    const auto* offer = std::get_if<CheckpointOffer>(&answer.value);
    if (offer == nullptr) {
        return fail(move, {ErrorCode::unavailable, "its host offered nothing", "host_failed"});
    }
    ask(move, Kind::fetch_snapshot, move->to, FetchSnapshotOnHost{move->id, move->copying, *offer});
}

void Core::Moving::finish_fetch(const Moved& move, const HostAnswer& answer)
{
    move->wanted.clear();
    const auto* report = std::get_if<CheckpointReport>(&answer.value);
    if (report == nullptr || report->id != move->copying || report->sandbox != move->id) {
        return fail(move,
                    {ErrorCode::unavailable,
                     "host " + move->to.str() + " did not take what it was offered",
                     "host_failed"});
    }
    move->there.push_back(*report);
    if (move->stage == Stage::crossing) {
        return move->stays ? end_copy(move) : hand_over(move);
    }
    go_on(move);
}

/// Nobody waits for it any more. What is fetched in spite of that is removed behind it.
void Core::Moving::give_up_step(const Moved& move)
{
    const auto step = std::exchange(move->step, nullptr);
    if (!step) {
        return;
    }
    core_.retire(step);
    if (step->kind == Kind::fetch_snapshot) {
        CheckpointReport copy;
        copy.id = move->copying;
        copy.sandbox = move->id;
        move->there.push_back(std::move(copy));
    }
}

/// It stays: as it was before, with all that was asked of it meanwhile.
void Core::Moving::fail(const Moved& move, const Error& error)
{
    spdlog::warn("{}; it stays on host {}", error.message, move->from.str());
    give_up_step(move);
    drop_copies(move);
    move->stays ? end(move, error) : return_home(move, error);
}

} // namespace coordinator
