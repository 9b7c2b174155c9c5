// Checkpoints, as people ask for them: taken, listed, verified, restored, deleted.
#include "coordinator/core/moving.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using Status = Checkpoint::Status;

namespace {

Error refused(const Sandbox& sandbox,
              std::string_view attempt,
              std::string_view why,
              const char* reason)
{
    return {ErrorCode::failed_precondition,
            std::string{attempt} + " sandbox " + sandbox.id.str() + ": " + std::string{why},
            reason};
}

} // namespace

Result<Checkpoint>
Core::take_snapshot(const Caller& caller, const common::SandboxId& id, SnapshotRequest request)
{
    return ask_host<Checkpoint>(caller,
                                id,
                                settings_.snapshot_timeout,
                                "take snapshot " + request.name + " of sandbox " + id.str(),
                                [this, caller, id, request](CheckpointDone done) {
                                    begin_snapshot(
                                        caller, id, request, Kept::by_name, std::move(done));
                                });
}

Result<CheckpointPage> Core::snapshots(const Caller& caller, const common::SandboxId& id, Page page)
{
    return ask_within<CheckpointPage>(
        settings_.grace,
        "list the snapshots of sandbox " + id.str(),
        [this, caller, id, page](const std::function<void(Result<CheckpointPage>)>& done) {
            const auto found = living(caller, id);
            if (!found) {
                return done(found.error());
            }
            auto all = checkpoints_.listed(id);
            CheckpointPage out;
            out.total = all.size();
            const auto part = part_of(all, page, Sorted::ascending, [](const Checkpoint& one) {
                return Position{common::to_unix_us(one.created_at), one.id.str()};
            });
            out.next = part.next;
            for (auto i = part.begin; i < part.end; ++i) {
                out.checkpoints.push_back(std::move(all[i]));
            }
            done(std::move(out));
        });
}

Result<Checkpoint>
Core::snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name)
{
    return ask_within<Checkpoint>(settings_.grace,
                                  "get snapshot " + name + " of sandbox " + id.str(),
                                  [this, caller, id, name](const CheckpointDone& done) {
                                      done(checkpoint_of(caller, id, name));
                                  });
}

Result<Checkpoint>
Core::delete_snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name)
{
    return ask_host<Checkpoint>(caller,
                                id,
                                settings_.snapshot_timeout,
                                "delete snapshot " + name + " of sandbox " + id.str(),
                                [this, caller, id, name](const CheckpointDone& done) {
                                    const auto found = checkpoint_of(caller, id, name);
                                    found ? begin_delete(caller, *found, done)
                                          : done(found.error());
                                });
}

Result<Checkpoint>
Core::verify_snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name)
{
    return ask_host<Checkpoint>(caller,
                                id,
                                settings_.snapshot_timeout,
                                "verify snapshot " + name + " of sandbox " + id.str(),
                                [this, caller, id, name](const CheckpointDone& done) {
                                    const auto found = checkpoint_of(caller, id, name);
                                    found ? begin_verify(caller, *found, done)
                                          : done(found.error());
                                });
}

Result<Sandbox>
Core::restore_snapshot(const Caller& caller, const common::SandboxId& id, const std::string& name)
{
    return ask_host<Sandbox>(caller,
                             id,
                             settings_.boot_timeout + settings_.grace,
                             "restore snapshot " + name + " of sandbox " + id.str(),
                             [this, caller, id, name](const SandboxDone& done) {
                                 const auto found = checkpoint_of(caller, id, name);
                                 found ? begin_restore(caller, *found, done) : done(found.error());
                             });
}

Result<Checkpoint> Core::checkpoint_of(const Caller& caller,
                                       const common::SandboxId& id,
                                       const std::string& name) const
{
    COMMON_CHECK(living(caller, id));
    const auto* found = checkpoints_.named(id, name);
    if (found == nullptr) {
        return Error{ErrorCode::not_found,
                     "sandbox " + id.str() + " has no snapshot named " + name,
                     "unknown_snapshot"};
    }
    return *found;
}

/// Whether it can be taken, as far as is known here.
Result<> Core::may_snapshot(const Sandbox& sandbox, const SnapshotRequest& request) const
{
    constexpr std::string_view attempt = "take a snapshot of";
    const bool awake = sandbox.phase == Phase::running || sandbox.phase == Phase::paused;
    const bool off = sandbox.phase == Phase::stopped || sandbox.phase == Phase::created;
    if (lifecycle_of(sandbox.id) || sandbox.desired == Desired::destroyed || (!awake && !off)) {
        auto error = wrong_state(sandbox, attempt);
        if (sandbox.phase == Phase::suspended) {
            error.message += "; resume it first";
        }
        return error;
    }
    if (!awake && request.memory.value_or(false)) {
        return refused(sandbox,
                       attempt,
                       "it is stopped and has no memory to keep; ask with memory: false",
                       "no_memory");
    }
    if (const auto* same = checkpoints_.named(sandbox.id, request.name); same != nullptr) {
        return Error{ErrorCode::already_exists,
                     "take a snapshot of sandbox " + sandbox.id.str() + ": it has one named " +
                         request.name + " already, " + same->id.str(),
                     "snapshot_exists"};
    }
    if (checkpoints_.listed(sandbox.id).size() >= settings_.max_snapshots_per_sandbox) {
        return refused(sandbox,
                       attempt,
                       "it has " + std::to_string(settings_.max_snapshots_per_sandbox) +
                           " already, which is the most; delete one first",
                       "too_many_snapshots");
    }
    if (checkpoints_.count_on(sandbox.host) >= settings_.max_snapshots_per_host) {
        return refused(sandbox,
                       attempt,
                       "its host " + sandbox.host.str() + " has " +
                           std::to_string(settings_.max_snapshots_per_host) +
                           " already, which is the most; delete some of those first",
                       "too_many_snapshots");
    }
    COMMON_CHECK(reachable(sandbox));
    return room_for_one_more();
}

void Core::begin_snapshot(const Caller& caller,
                          const common::SandboxId& id,
                          const SnapshotRequest& request,
                          Kept kept,
                          CheckpointDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    if (const auto may = may_snapshot(sandbox, request); !may) {
        return done(may.error());
    }
    Checkpoint one;
    one.id = common::mint<common::SnapshotId>();
    one.sandbox = id;
    one.tenant = sandbox.tenant;
    one.host = sandbox.host;
    one.name = request.name;
    one.parent = checkpoints_.head(id);
    one.hidden = kept == Kept::for_one_fork;
    one.has_memory =
        request.memory.value_or(sandbox.phase != Phase::stopped && sandbox.phase != Phase::created);
    one.created_at = clock_.wall();
    const auto op = begin_about(Pending::Kind::snapshot,
                                caller,
                                one,
                                SnapshotOnHost{id, one.id, one.name, one.parent, one.has_memory});
    if (one.hidden) {
        // From the start: an inventory would have it deleted as of no use.
        checkpoints_.hold(one.id);
        done = [this, held = one.id, done = std::move(done)](const Result<Checkpoint>& taken) {
            if (!taken) {
                checkpoints_.release(held);
            }
            done(taken);
        };
    }
    op->having.push_back(std::move(done));
    begin_checkpoint(op, one, std::nullopt);
}

void Core::begin_delete(const Caller& caller, const Checkpoint& checkpoint, CheckpointDone done)
{
    const auto current = about(checkpoint.id);
    if (current && current->kind == Pending::Kind::delete_snapshot) {
        if (!reachable(*fleet_.find(checkpoint.sandbox))) {
            return done(deleted_later(checkpoint));
        }
        current->having.push_back(std::move(done));
        return;
    }
    if (checkpoint.status == Status::taking) {
        return done(not_ready(checkpoint, "delete"));
    }
    const auto lifecycle = lifecycle_of(checkpoint.sandbox);
    if (checkpoints_.is_held(checkpoint.id) ||
        (lifecycle && lifecycle->snapshot == checkpoint.id)) {
        return done(Error{ErrorCode::failed_precondition,
                          "delete snapshot " + checkpoint.name +
                              ": it is being restored, forked or made an image of; try again when "
                              "that is done",
                          "snapshot_in_use"});
    }
    auto changed = checkpoint;
    changed.status = Status::deleting;
    const auto op = begin_about(Pending::Kind::delete_snapshot,
                                caller,
                                checkpoint,
                                DeleteSnapshotOnHost{checkpoint.sandbox, checkpoint.id});
    op->having.push_back(std::move(done));
    begin_checkpoint(op, changed, checkpoint);
}

void Core::begin_verify(const Caller& caller, const Checkpoint& checkpoint, CheckpointDone done)
{
    if (checkpoint.status != Status::ready) {
        return done(not_ready(checkpoint, "verify"));
    }
    if (const auto host = reachable(*fleet_.find(checkpoint.sandbox)); !host) {
        return done(host.error());
    }
    if (const auto room = room_for_one_more(); !room) {
        return done(room.error());
    }
    const auto op = begin_about(Pending::Kind::verify_snapshot,
                                caller,
                                checkpoint,
                                VerifySnapshotOnHost{checkpoint.sandbox, checkpoint.id});
    op->having.push_back(std::move(done));
    begin_checkpoint(op, checkpoint, checkpoint);
}

void Core::begin_restore(const Caller& caller, const Checkpoint& checkpoint, SandboxDone done)
{
    const auto found = living(caller, checkpoint.sandbox);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const bool possible = sandbox.phase == Phase::running || sandbox.phase == Phase::paused ||
                          sandbox.phase == Phase::stopped || sandbox.phase == Phase::suspended ||
                          sandbox.phase == Phase::error;
    if (lifecycle_of(sandbox.id) || sandbox.desired == Desired::destroyed || !possible) {
        return done(wrong_state(sandbox, "restore"));
    }
    if (checkpoint.status != Status::ready) {
        return done(not_ready(checkpoint, "restore"));
    }
    for (const auto& other : checkpoints_.of(sandbox.id)) {
        if (other.status == Status::taking && about(other.id)) {
            return done(
                refused(sandbox, "restore", "a snapshot of it is being taken", "wrong_state"));
        }
    }
    if (const auto host = reachable(sandbox); !host) {
        return done(host.error());
    }
    if (const auto room = admit(sandbox, "restore"); !room) {
        return done(room.error());
    }
    auto changed = sandbox;
    ++changed.generation;
    changed.error.clear();
    if (checkpoint.has_memory) {
        changed.desired = Desired::running;
    }
    const auto op =
        begin_operation(Pending::Kind::restore,
                        caller,
                        changed,
                        RestoreOnHost{sandbox.id, checkpoint.id, settings_.boot_timeout});
    op->snapshot = checkpoint.id;
    op->waiting.push_back(std::move(done));
    changed.phase = Phase::restoring;
    begin_lifecycle(op,
                    changed,
                    Sandbox{sandbox},
                    nullptr,
                    detail_of({{"snapshot_id", checkpoint.id.str()}, {"name", checkpoint.name}}));
}

void Core::finish_restore(const Op& op, const HostAnswer& answer)
{
    if (answer.error) {
        const auto* checkpoint = checkpoints_.find(op->snapshot);
        if (checkpoint != nullptr && answer.error->stable_reason() == "checkpoint_damaged") {
            auto damaged = *checkpoint;
            damaged.error = answer.error->message;
            checkpoints_.put(damaged);
            save_outcome({std::move(damaged)}, [](const Result<>&) {});
        }
        if (answer.error->code == ErrorCode::timeout) {
            link_.request_sync(op->host);
        }
        return finish_lifecycle(op, answer);
    }
    checkpoints_.goes_on_from(op->row.sandbox, op->snapshot);
    const auto* report = std::get_if<SandboxReport>(&answer.value);
    if (report != nullptr) {
        apply(op->host, *report);
    }
    auto now = *fleet_.find(op->row.sandbox);
    if (report != nullptr) {
        now.timings_us = report->timings_us;
        put(now);
    }
    if (now.generation == op->row.generation) { // Or something else was asked of it meanwhile.
        now.desired = state_of(now.phase) == State::running ? Desired::running : Desired::stopped;
        put(std::move(now));
    }
    end_runs_before(op);
    conclude(op, std::nullopt);
}

/// What they ran in is no more, whether their host says so of each or not.
void Core::end_runs_before(const Op& restore)
{
    std::vector<Op> runs;
    const auto [first, last] = pending_of_.equal_range(restore->row.sandbox);
    for (auto entry = first; entry != last; ++entry) {
        const auto& op = pending_.at(entry->second);
        if (op->kind == Pending::Kind::run && op->dispatched && op->begun < restore->begun) {
            runs.push_back(op);
        }
    }
    for (const auto& op : runs) {
        end_run(op, restored());
    }
}

} // namespace coordinator
