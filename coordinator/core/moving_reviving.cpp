// Sandboxes whose host is gone: they go on elsewhere, as they were when they were copied last.
#include "coordinator/core/replicating.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error not_revived(const Sandbox& sandbox, const std::string& why, const char* reason)
{
    return {ErrorCode::failed_precondition,
            fmt::format("bring back sandbox {}: {}", sandbox.id.str(), why),
            reason};
}

} // namespace

/// The host for it: of those that have a copy the one with the newest that can take it.
Result<Replica> Core::Moving::revivable(const Sandbox& sandbox) const
{
    if (is_moving(sandbox.id)) {
        return not_revived(sandbox, "it is on its way already", "moving");
    }
    if (!sandbox.left_host.empty()) {
        return not_revived(
            sandbox, "it had not arrived whole from host " + sandbox.left_host.str(), "leaving");
    }
    const auto image = core_.fleet_.image_of(sandbox);
    if (sandbox.replicas.count == 0) {
        return not_revived(sandbox, "it was not to have copies (replicas)", "no_replica");
    }
    if (!image) {
        return not_revived(sandbox, "no host has its image", "image_elsewhere");
    }
    std::string why;
    for (auto& moment : core_.replicating_->moments(sandbox.id)) {
        if (moment.copy.host == sandbox.host || sandbox.remains_on.contains(moment.copy.host)) {
            continue;
        }
        const auto shunned = shunned_.find({sandbox.id, moment.copy.host});
        auto moved = sandbox;
        std::string no;
        if (shunned != shunned_.end() && core_.clock_.steady() < shunned->second.until) {
            no = moment.copy.host.str() +
                 ": it could not take it a moment ago: " + shunned->second.why;
        } else if (moment.copy.has_memory) {
            no = difference(sandbox.host, moment.copy.host);
        }
        if (no.empty()) {
            const auto placed = core_.place(moved, *image, moment.copy.host, {});
            if (placed) {
                return moment;
            }
            no = placed.error().details;
        }
        why += (why.empty() ? "" : "\n") + no;
    }
    if (why.empty()) {
        return not_revived(sandbox, "no host has a copy of it yet", "no_replica");
    }
    return not_revived(sandbox, "no host with a copy can take it: " + why, "no_capacity");
}

void Core::Moving::revive(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    const auto& sandbox = *core_.fleet_.find(id);
    const auto from = revivable(sandbox);
    if (!from) {
        return done(from.error());
    }
    stranded_.erase(id);
    const auto move = std::make_shared<Move>();
    move->caller = caller;
    move->id = id;
    move->from = sandbox.host;
    move->to = from->copy.host;
    move->was = sandbox.phase;
    move->memory = from->copy.has_memory;
    move->revived = true;
    move->stage = Stage::still; // Whoever asks anything of it waits.
    move->done = std::move(done);
    move->heard = core_.clock_.steady();
    move->op = core_.begin_operation(Kind::move, caller, sandbox, ListVmsOnHost{});
    moves_.emplace(id, move);
    const auto detail = detail_of({{"to", move->to.str()},
                                   {"phase", std::string{to_string(move->was)}},
                                   {"evacuated_from", move->from.str()},
                                   {"snapshot_id", from->copy.id.str()},
                                   {"as_it_was_at", common::to_rfc3339(from->copy.created_at)}});
    core_.save({move->op->row, core_.intent_of(move->op, detail)},
               [this, move, state = from->copy](const Result<>& saved) {
                   if (!is_under_way(move)) {
                       return; // It was destroyed meanwhile.
                   }
                   if (!saved) {
                       const auto error = not_recorded("bring back a sandbox", saved.error());
                       if (error.code == ErrorCode::timeout) {
                           return fail(move, error); // It may be written down.
                       }
                       moves_.erase(move->id);
                       core_.retire(move->op);
                       let_in(move);
                       return move->done(error);
                   }
                   move->op->durable = true;
                   hand_over_copy(move, state);
               });
}

/// What was asked of its host never comes to an end there.
void Core::Moving::end_what_was_asked(const common::SandboxId& id)
{
    std::vector<Op> all;
    const auto [first, last] = core_.pending_of_.equal_range(id);
    for (auto entry = first; entry != last; ++entry) {
        const auto& op = core_.pending_.at(entry->second);
        if (!is_about_move(op->kind) && !is_about_image(op->kind) && !is_question(op->kind)) {
            all.push_back(op);
        }
    }
    const Error gone{ErrorCode::timeout,
                     "its host is gone, and it goes on elsewhere as it was when it was copied last",
                     "outcome_unknown"};
    for (const auto& op : all) {
        if (op->kind == Kind::run) {
            core_.end_run(op, gone);
        } else if (const auto* checkpoint = core_.checkpoints_.find(op->snapshot);
                   is_about_checkpoint(op->kind) && checkpoint != nullptr) {
            core_.end_checkpoint(op, Checkpoint{*checkpoint}, gone);
        } else {
            core_.conclude(op, gone);
        }
    }
}

/// As hand_over(), of what was copied long before. Snapshots that were not are lost with its host.
void Core::Moving::hand_over_copy(const Moved& move, Checkpoint state)
{
    const auto now = *core_.fleet_.find(move->id);
    const auto image = core_.fleet_.image_of(now);
    auto moved = now;
    if (now.desired == Desired::destroyed || now.host != move->from || !image) {
        return fail(move, wrong_state(now, "bring back"));
    }
    if (core_.fleet_.hosts().at(move->from).host.health != HostHealth::lost) {
        return fail(move, not_revived(now, "its host is back", "host_back"));
    }
    if (const auto placed = core_.place(moved, *image, move->to, {}); !placed) {
        return fail(move, placed.error());
    }
    end_what_was_asked(move->id);
    const auto before = *core_.fleet_.find(move->id);
    const auto placed_with = moved.overhead;
    moved = before;
    moved.host = move->to;
    moved.overhead = placed_with;
    const bool rests = before.phase == Phase::stopped || before.phase == Phase::created;
    const bool boots = move->memory || !rests;
    ++moved.generation;
    moved.left_host = move->from;
    moved.moving_to = move->to;
    moved.ip.clear();
    moved.error.clear();
    moved.phase = !boots ? before.phase : move->memory ? Phase::restoring : Phase::starting;
    moved.desired = boots ? Desired::running : Desired::stopped;
    move->before = core_.checkpoints_.of(move->id);
    std::map<common::SnapshotId, Checkpoint> copies;
    for (auto& row : core_.replicating_->of(move->id)) {
        if (row.copy.host == move->to && !row.copy.hidden) {
            copies.emplace(row.copy.id, std::move(row.copy));
        }
    }
    for (auto one : move->before) {
        if (const auto copy = copies.find(one.id); copy != copies.end()) {
            one.host = move->to;
            one.path = copy->second.path;
            one.digests = copy->second.digests;
            one.status = Checkpoint::Status::ready;
            core_.fresh_[one.id] = core_.clock_.steady();
        } else {
            one.status = Checkpoint::Status::deleted;
            one.deleted_at = core_.clock_.wall();
            one.error = "it was on host " + move->from.str() + ", which is gone";
        }
        core_.checkpoints_.put(std::move(one));
    }
    auto as_before = state; // It is deleted where it was taken.
    as_before.status = Checkpoint::Status::deleted;
    as_before.deleted_at = core_.clock_.wall();
    move->before.push_back(std::move(as_before));
    move->state = state.id;
    core_.fresh_[state.id] = core_.clock_.steady();
    core_.checkpoints_.hold(state.id);
    core_.checkpoints_.put(std::move(state));
    move->stage = Stage::arriving;
    const auto& op = move->op;
    op->came_from = before.phase;
    op->row.generation = op->command.generation = moved.generation;
    op->host = move->to;
    op->command.what = CreateOnHost{moved, boots, core_.settings_.boot_timeout, move->state};
    core_.put(std::move(moved));
    record(move, [this, move] { core_.dispatch(move->op); });
}

} // namespace coordinator
