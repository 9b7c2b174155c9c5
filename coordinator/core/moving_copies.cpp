// Copies of a sandbox on another host, while it goes on where it is.
#include "coordinator/core/replicating.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

/// As a move, up to when all is there. What is there already of its snapshots is not copied again.
void Core::Moving::begin_copy(const Caller& caller,
                              const common::SandboxId& id,
                              const common::HostName& to,
                              SandboxDone done)
{
    const auto& sandbox = *core_.fleet_.find(id);
    if (const auto may = may_copy(sandbox); !may) {
        return done(may.error());
    }
    const auto known = core_.replicating_->of(id);
    std::map<common::HostName, std::string> others;
    for (const auto& row : known) {
        others.emplace(row.copy.host, "it has a copy");
    }
    auto as_copied = sandbox;
    if (!sandbox.replicas.memory) {
        as_copied.phase = Phase::stopped; // Its disk can go where its memory cannot.
    }
    const auto chosen = to.empty() ? target(as_copied, others) : Result<common::HostName>{to};
    if (!chosen) {
        return done(chosen.error());
    }
    if (const auto may = may_arrive(as_copied, *chosen); !may) {
        return done(may.error());
    }
    const auto move = std::make_shared<Move>();
    move->caller = caller;
    move->id = id;
    move->from = sandbox.host;
    move->to = *chosen;
    move->was = sandbox.phase;
    move->stays = true;
    move->done = std::move(done);
    move->heard = core_.clock_.steady();
    for (const auto& row : known) {
        if (row.copy.host == move->to && !row.copy.hidden) {
            move->had.insert(row.copy.id);
        }
    }
    move->op = core_.begin_operation(Kind::replicate, caller, sandbox, ListVmsOnHost{});
    moves_.emplace(id, move);
    core_.save({move->op->row, core_.intent_of(move->op, detail_of({{"to", chosen->str()}}))},
               [this, move](const Result<>& saved) { begun(move, saved); });
}

Result<> Core::Moving::may_copy(const Sandbox& sandbox) const
{
    if (is_moving(sandbox.id) || !sandbox.moving_to.empty()) {
        return Error{ErrorCode::failed_precondition,
                     "copy sandbox " + sandbox.id.str() + ": it is on its way to another host",
                     "moving"};
    }
    if (core_.lifecycle_of(sandbox.id)) {
        return wrong_state(sandbox, "copy");
    }
    return core_.room_for_one_more();
}

/// It is captured as it is now, and goes on.
void Core::Moving::capture_copy(const Moved& move)
{
    const auto& now = *core_.fleet_.find(move->id);
    const bool awake = now.phase == Phase::running || now.phase == Phase::paused;
    move->stage = Stage::still;
    move->memory = awake && now.replicas.memory;
    move->generation = now.generation;
    core_.begin_snapshot(
        move->caller,
        move->id,
        {"replica-" + common::random_base32_80(), move->memory},
        Kept::for_one_fork,
        [this, move](const Result<Checkpoint>& taken) {
            if (taken) {
                move->state = taken->id;
            }
            if (!is_under_way(move)) {
                return drop_state(move);
            }
            if (!taken) {
                return fail(move, taken.error());
            }
            if (move->memory && move->was == Phase::running && !taken->frozen) {
                return fail(move,
                            {ErrorCode::failed_precondition,
                             "copy sandbox " + move->id.str() +
                                 ": its agent did not hold it still, which a copy of its memory "
                                 "needs; with replicas.memory false its disk alone is copied",
                             "guest_not_frozen"});
            }
            move->stage = Stage::crossing;
            copy(move, move->state);
        });
}

/// All of it is there: that host has what it can be brought back from.
void Core::Moving::end_copy(const Moved& move)
{
    std::vector<Replica> rows;
    for (const auto& report : move->there) {
        const auto* known = core_.checkpoints_.find(report.id);
        if (known == nullptr || known->status != Checkpoint::Status::ready) {
            if (report.id == move->state) {
                return fail(move,
                            {ErrorCode::failed_precondition,
                             "copy sandbox " + move->id.str() + ": it was destroyed",
                             "wrong_state"});
            }
            core_.drop_copy(move->to, report); // A snapshot that has been deleted meanwhile.
            continue;
        }
        Replica row{*known, move->generation, false};
        row.copy.host = move->to;
        row.copy.path = report.path;
        row.copy.digests = report.digests;
        row.copy.size = report.memory_bytes + report.disk_bytes;
        rows.push_back(std::move(row));
    }
    move->there.clear();
    core_.replicating_->made(rows);
    move->op->outcome = detail_of(
        {{"to", move->to.str()},
         {"snapshot_id", move->state.str()},
         {"memory", move->memory ? "yes" : "no"},
         {"taken_at", common::to_rfc3339(core_.checkpoints_.find(move->state)->created_at)}});
    end(move, std::nullopt);
}

} // namespace coordinator
