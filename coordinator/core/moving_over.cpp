// Sandboxes that change hosts: from when all of it is there to the end, or back.
#include "coordinator/core/moving.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::chrono::seconds record_again_after{2};

} // namespace

bool Core::Moving::is_arriving(const common::SandboxId& id) const
{
    const auto* sandbox = core_.fleet_.find(id);
    return sandbox != nullptr && !sandbox->moving_to.empty() && !sandbox->left_host.empty();
}

void Core::Moving::when_free(const Caller& caller,
                             const common::SandboxId& id,
                             std::function<void()> then)
{
    if (!has_to_wait(caller, id)) {
        return then();
    }
    moves_.at(id)->waiting.push_back(std::move(then));
}

bool Core::Moving::has_to_wait(const Caller& caller, const common::SandboxId& id) const
{
    const auto found = moves_.find(id);
    const auto sandbox = core_.living(caller, id);
    if (found == moves_.end() || !sandbox || found->second->stays) {
        return false;
    }
    const auto& move = *found->second;
    return move.stage != Stage::copying && (move.revived || core_.reachable(**sandbox));
}

std::size_t Core::Moving::waiting() const
{
    std::size_t all = 0;
    for (const auto& [id, move] : moves_) {
        all += move->waiting.size();
    }
    return all;
}

/// It stands still as it was captured, and the other host has all of its checkpoints. What a fork
/// has left over goes with what was made here.
Result<> Core::Moving::all_is_there(const Moved& move)
{
    const auto& now = *core_.fleet_.find(move->id);
    const bool rests = now.phase == Phase::stopped || now.phase == Phase::created;
    if (now.desired == Desired::destroyed || (move->memory ? now.phase != Phase::paused : !rests)) {
        return wrong_state(now, "move");
    }
    move->before = core_.checkpoints_.of(move->id);
    std::size_t copied = 0;
    bool complete = true;
    for (const auto& one : move->before) {
        const bool is_copy =
            std::ranges::find(move->there, one.id, &CheckpointReport::id) != move->there.end();
        copied += is_copy ? 1 : 0;
        complete = complete && (is_copy ? one.status == Checkpoint::Status::ready
                                        : one.hidden && !core_.checkpoints_.is_held(one.id));
    }
    if (complete && copied == move->there.size()) {
        return {};
    }
    return Error{ErrorCode::failed_precondition,
                 "move sandbox " + move->id.str() + ": a snapshot of it came or went meanwhile",
                 "busy"};
}

/// From here on it is the other host's, which has all that it takes.
void Core::Moving::hand_over(const Moved& move)
{
    const auto before = *core_.fleet_.find(move->id);
    const auto image = core_.fleet_.image_of(before);
    auto moved = before;
    if (!image) {
        return fail(move, {ErrorCode::failed_precondition, "its image is gone", "image_elsewhere"});
    }
    if (const auto complete = all_is_there(move); !complete) {
        return fail(move, complete.error());
    }
    if (const auto placed = core_.place(moved, *image, move->to, {}); !placed) {
        return fail(move, placed.error());
    }
    ++moved.generation;
    moved.left_host = move->from;
    moved.moving_to = move->to;
    moved.ip.clear();
    if (move->memory) {
        moved.phase = Phase::restoring;
        moved.desired = Desired::running;
    }
    for (auto one : move->before) {
        const auto copy = std::ranges::find(move->there, one.id, &CheckpointReport::id);
        if (copy == move->there.end()) {
            one.status = Checkpoint::Status::deleted;
            one.deleted_at = core_.clock_.wall();
        } else {
            one.host = move->to;
            one.path = copy->path;
            one.digests = copy->digests;
            core_.fresh_[one.id] = core_.clock_.steady();
        }
        core_.checkpoints_.put(std::move(one));
    }
    move->stage = Stage::arriving;
    const auto& op = move->op;
    op->came_from = before.phase;
    op->row.generation = op->command.generation = moved.generation;
    op->host = move->to;
    op->command.what = CreateOnHost{moved, move->memory, core_.settings_.boot_timeout, move->state};
    core_.put(std::move(moved));
    record(move, [this, move] { core_.dispatch(move->op); });
}

/// What it is by now, until it is on record: nothing may follow before. Meanwhile it stands still.
/// Nor does anything follow if it is being destroyed, unless that is taken back.
void Core::Moving::record(const Moved& move, std::function<void()> then)
{
    std::vector<Change> changes{*core_.fleet_.find(move->id), move->op->row};
    for (const auto& one : move->before) {
        if (const auto* now = core_.checkpoints_.find(one.id); now != nullptr) {
            changes.emplace_back(*now);
        }
    }
    core_.save(std::move(changes), [this, move, then = std::move(then)](const Result<>& saved) {
        if (!is_under_way(move)) {
            return; // It was destroyed meanwhile.
        }
        if (saved && core_.fleet_.find(move->id)->desired != Desired::destroyed) {
            return then();
        }
        if (!saved) {
            spdlog::warn("sandbox {} stands still until its move is on record: {}",
                         move->id.str(),
                         saved.error().message);
        }
        core_.loop_->after(record_again_after, [this, move, then] {
            if (is_under_way(move)) {
                record(move, then);
            }
        });
    });
}

/// In memory it is its old host's again.
void Core::Moving::take_back(const Moved& move)
{
    core_.retire(move->op); // Or its old host would be asked for it, too.
    auto back = *core_.fleet_.find(move->id);
    back.host = move->from;
    back.left_host = {};
    const bool stands_still = move->was == Phase::running && !move->revived;
    back.moving_to = stands_still ? move->to : common::HostName{};
    ++back.generation;
    back.phase = move->op->came_from;
    if (const auto known = core_.fleet_.hosts().find(back.host);
        known != core_.fleet_.hosts().end()) {
        back.overhead = known->second.host.facts.overhead;
    }
    core_.put(std::move(back));
    for (auto& checkpoint : move->before) {
        core_.checkpoints_.put(checkpoint);
    }
    move->op->host = move->from;
    move->stage = Stage::going_back;
}

void Core::Moving::finish_arrival(const Moved& move, const HostAnswer& answer)
{
    if (answer.error && core_.fleet_.find(move->id)->desired == Desired::destroyed) {
        return; // That ends this, too.
    }
    if (answer.error && answer.undone) {
        take_back(move);
        shun(move, *answer.error);
        // Before that is on record it must not go on here.
        return record(move, [this, move, error = *answer.error] { fail(move, error); });
    }
    if (answer.error) {
        // Nobody knows whether it is there, or will be: one that boots for too long may be undone
        // yet. It is asked for again until somebody does; what it is made of stays on both hosts.
        spdlog::error("sandbox {} has moved to host {}, which says: {}; it is asked for again",
                      move->id.str(),
                      move->to.str(),
                      answer.error->message);
        moves_.erase(move->id);
        core_.conclude(move->op, answer.error);
        const auto* now = core_.fleet_.find(move->id);
        auto told = *now;
        told.error = answer.error->message;
        core_.put(std::move(told));
        move->done(*answer.error);
        core_.loop_->after(again_after, [this, id = move->id] { arrive_again(id); });
        return let_in(move);
    }
    core_.retire(move->op); // Not to be made again, whatever becomes of it while this ends.
    if (const auto* report = std::get_if<SandboxReport>(&answer.value); report != nullptr) {
        core_.apply(move->to, *report);
    }
    if (move->still_since != common::SteadyTime{}) {
        move->stood_still = std::chrono::duration_cast<std::chrono::milliseconds>(
            core_.clock_.steady() - move->still_since);
    }
    move->op->outcome = detail_of({{"from", move->from.str()},
                                   {"stood_still_ms", std::to_string(move->stood_still.count())}});
    auto arrived = *core_.fleet_.find(move->id);
    arrived.moving_to = {};
    core_.put(std::move(arrived));
    spdlog::info("sandbox {} has moved from host {} to {}; it stood still for {} ms",
                 move->id.str(),
                 move->from.str(),
                 move->to.str(),
                 move->stood_still.count());
    fall_asleep_again(move, [this, move] { end(move, std::nullopt); });
}

/// It is as it was before: paused or suspended, unless somebody waits to use it.
void Core::Moving::fall_asleep_again(const Moved& move, const std::function<void()>& then)
{
    const auto* now = core_.fleet_.find(move->id);
    const bool asks = !move->waiting.empty() || now == nullptr || now->phase == move->was;
    if (asks || (move->was != Phase::paused && move->was != Phase::suspended)) {
        return then();
    }
    const auto asleep = [this, move, then](const Result<Sandbox>& done) {
        if (!done) {
            spdlog::warn(
                "sandbox {} stays awake after its move: {}", move->id.str(), done.error().message);
        }
        if (is_under_way(move)) {
            then();
        }
    };
    if (move->was == Phase::paused) {
        core_.begin_pause(move->caller, move->id, asleep);
    } else {
        core_.begin_suspend(move->caller, move->id, asleep);
    }
}

/// It stands still where it was: it goes on, if it did before. Before it stood still nothing was
/// done to it, and what it is by now its user wanted.
void Core::Moving::return_home(const Moved& move, const Error& error)
{
    if (move->stage == Stage::copying || move->stage == Stage::closing) {
        return end(move, error);
    }
    const auto* now = core_.fleet_.find(move->id);
    move->stage = Stage::going_back;
    if (now->phase != Phase::paused || move->was != Phase::running) {
        unmark(move->id);
        return fall_asleep_again(move, [this, move, error] { end(move, error); });
    }
    let_go_on(move->caller, move->id, [this, move, error](const Result<Sandbox>& going) {
        if (!going) {
            spdlog::error("sandbox {} stands still after a move that failed: {}; it is tried again",
                          move->id.str(),
                          going.error().message);
            stranded_.insert(move->id);
        }
        if (is_under_way(move)) {
            end(move, error);
        }
    });
}

void Core::Moving::end(const Moved& move, const std::optional<Error>& error)
{
    moves_.erase(move->id);
    core_.conclude(move->op, error);
    drop_state(move); // Not before: at a start it tells that all has not arrived yet.
    const auto* now = core_.fleet_.find(move->id);
    if (now != nullptr && !move->stays) {
        leave(move->id);
    }
    let_in(move);
    if (error) {
        move->done(*error);
    } else if (now != nullptr) {
        move->done(*now);
    }
}

/// What waits for it no longer has to.
void Core::Moving::let_in(const Moved& move)
{
    for (const auto& then : std::exchange(move->waiting, {})) {
        then();
    }
}

/// What was captured for the move alone.
void Core::Moving::drop_state(const Moved& move)
{
    if (move->state.empty()) {
        return;
    }
    core_.checkpoints_.release(move->state);
    const auto* state = core_.checkpoints_.find(move->state);
    if (state != nullptr && state->status == Checkpoint::Status::ready) {
        core_.begin_delete(move->caller, *state, [id = move->state](const auto& deleted) {
            if (!deleted) {
                spdlog::warn("checkpoint {} of a move goes when its host tells of it next: {}",
                             id.str(),
                             deleted.error().message);
            }
        });
    }
}

/// Of a move that came to nothing. What is fetched in spite of it goes at that host's next
/// inventory.
void Core::Moving::drop_copies(const Moved& move)
{
    for (const auto& copy : std::exchange(move->there, {})) {
        core_.drop_copy(move->to, copy);
    }
}

} // namespace coordinator
