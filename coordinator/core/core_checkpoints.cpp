// What becomes of checkpoints: from the intent to an answer, or to what an inventory says.
#include "coordinator/core/replicating.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using Status = Checkpoint::Status;

namespace {

/// All that its host knows of it.
void adopt(Checkpoint& checkpoint, const CheckpointReport& report)
{
    checkpoint.status = Status::ready;
    checkpoint.has_memory = report.has_memory;
    checkpoint.frozen = report.frozen;
    checkpoint.engine = report.engine;
    checkpoint.libvirt_version = report.libvirt_version;
    checkpoint.qemu_version = report.qemu_version;
    checkpoint.size = report.memory_bytes + report.disk_bytes;
    checkpoint.paused = report.paused;
    checkpoint.digests = report.digests;
    checkpoint.path = report.path;
    checkpoint.error.clear();
}

/// Of one that has no record; of a sandbox that has.
Checkpoint adopted_checkpoint(const Sandbox& sandbox, const CheckpointReport& report)
{
    Checkpoint checkpoint;
    checkpoint.id = report.id;
    checkpoint.sandbox = sandbox.id;
    checkpoint.tenant = sandbox.tenant;
    checkpoint.host = sandbox.host;
    checkpoint.name = report.name;
    checkpoint.parent = report.parent;
    checkpoint.created_at = report.created_at;
    adopt(checkpoint, report);
    return checkpoint;
}

/// The answer does not say whether it is there.
bool is_unknown(const Error& error)
{
    return error.code == ErrorCode::timeout || error.code == ErrorCode::already_exists ||
           error.stable_reason() == "stale_generation";
}

Error unknown(const Op& op, const Error& cause)
{
    return {ErrorCode::timeout,
            op->row.kind + " of sandbox " + op->row.sandbox.str() +
                ": its host will tell how it ended: " + cause.message,
            "outcome_unknown"};
}

/// What is said of a checkpoint that its host does not tell of.
constexpr const char* not_there = "its host does not have it any more";

} // namespace

void Core::adopt_checkpoints(std::vector<Checkpoint> checkpoints, std::vector<Change>& changes)
{
    std::ranges::sort(checkpoints, {}, &Checkpoint::created_at);
    for (auto& checkpoint : checkpoints) {
        const auto* sandbox = fleet_.find(checkpoint.sandbox);
        if (sandbox == nullptr || sandbox->phase == Phase::destroyed) {
            checkpoint.status = Status::deleted; // The end came between two writes.
            checkpoint.deleted_at = clock_.wall();
            changes.emplace_back(checkpoint);
        } else if (checkpoint.status == Status::ready && !checkpoint.hidden) {
            checkpoints_.goes_on_from(checkpoint.sandbox, checkpoint.id);
        }
        checkpoints_.put(std::move(checkpoint));
    }
}

Op Core::begin_about(Pending::Kind kind,
                     const Caller& caller,
                     const Checkpoint& checkpoint,
                     decltype(HostCommand::what) what)
{
    auto op = begin_operation(kind, caller, *fleet_.find(checkpoint.sandbox), std::move(what));
    op->snapshot = checkpoint.id;
    return op;
}

void Core::begin_checkpoint(const Op& op,
                            const Checkpoint& changed,
                            const std::optional<Checkpoint>& before)
{
    checkpoints_.put(changed);
    const auto detail = detail_of({{"snapshot_id", changed.id.str()},
                                   {"name", changed.name},
                                   {"memory", changed.has_memory ? "yes" : "no"}});
    save({changed, op->row, intent_of(op, detail)},
         [this, op, changed, before](const Result<>& saved) {
             if (!pending_.contains(op->row.id)) {
                 return; // Its sandbox was destroyed meanwhile, which was told and recorded.
             }
             if (!saved && saved.error().code != ErrorCode::timeout) {
                 retire(op);
                 if (!before) {
                     checkpoints_.erase(changed.id);
                 } else if (before->status != changed.status) {
                     checkpoints_.put(*before);
                     // Another write may have carried what is taken back here.
                     save_outcome({*before}, [](const Result<>&) {});
                 }
                 return tell_having(
                     op,
                     not_recorded(op->row.kind + " of sandbox " + changed.sandbox.str(),
                                  saved.error()));
             }
             op->durable = true;
             dispatch(op);
             if (op->kind == Pending::Kind::delete_snapshot &&
                 !reachable(*fleet_.find(changed.sandbox))) {
                 tell_having(op, deleted_later(changed));
             }
         });
}

void Core::tell_having(const Op& op, const Result<Checkpoint>& result)
{
    for (const auto& done : std::exchange(op->having, {})) {
        done(result);
    }
}

void Core::finish_checkpoint(const Op& op, const HostAnswer& answer)
{
    if (op->kind == Pending::Kind::snapshot) {
        return finish_snapshot(op, answer);
    }
    const auto* known = checkpoints_.find(op->snapshot);
    if (known == nullptr) { // Deleted and forgotten while it was being verified.
        return close(op, answer.error);
    }
    auto checkpoint = *known;
    const auto& error = answer.error;
    if (op->kind == Pending::Kind::verify_snapshot) {
        if (!error || error->stable_reason() == "checkpoint_damaged") {
            checkpoint.error = error ? error->message : "";
        }
        return end_checkpoint(op, checkpoint, error);
    }
    if (!error || error->code == ErrorCode::not_found) {
        checkpoint.status = Status::deleted;
        checkpoint.deleted_at = clock_.wall();
        return end_checkpoint(op, checkpoint, std::nullopt);
    }
    if (is_unknown(*error)) {
        link_.request_sync(op->host);
        return end_checkpoint(op, checkpoint, unknown(op, *error));
    }
    checkpoint.status = Status::ready;
    checkpoint.error = error->message;
    end_checkpoint(op, checkpoint, error);
}

void Core::finish_snapshot(const Op& op, const HostAnswer& answer)
{
    auto checkpoint = *checkpoints_.find(op->snapshot);
    const auto* report = std::get_if<CheckpointReport>(&answer.value);
    if (!answer.error && report != nullptr) {
        adopt(checkpoint, *report);
        fresh_[checkpoint.id] = clock_.steady();
        if (!checkpoint.hidden) {
            checkpoints_.goes_on_from(checkpoint.sandbox, checkpoint.id);
        }
        return end_checkpoint(op, checkpoint, std::nullopt);
    }
    const auto error = answer.error.value_or(
        Error{ErrorCode::timeout, "the host gave no checkpoint", "outcome_unknown"});
    if (is_unknown(error)) {
        link_.request_sync(op->host);
        return end_checkpoint(op, checkpoint, unknown(op, error));
    }
    checkpoint.status = Status::deleted;
    checkpoint.deleted_at = clock_.wall();
    checkpoint.error = error.message;
    end_checkpoint(op, checkpoint, error);
}

void Core::end_checkpoint(const Op& op,
                          const Checkpoint& checkpoint,
                          const std::optional<Error>& error)
{
    close(op, error);
    checkpoints_.put(checkpoint);
    save_outcome({checkpoint, op->row, outcome_of(op, error)},
                 [this, op, checkpoint, error](const Result<>& saved) {
                     if (error) {
                         return tell_having(op, *error);
                     }
                     if (!saved) {
                         return tell_having(
                             op,
                             Error{ErrorCode::timeout,
                                   op->row.kind + " of sandbox " + op->row.sandbox.str() +
                                       ": done, but the database has not recorded it yet: " +
                                       saved.error().message,
                                   "outcome_unknown"});
                     }
                     const auto* now = checkpoints_.find(op->snapshot);
                     tell_having(op, now == nullptr ? checkpoint : *now);
                 });
}

void Core::end_checkpoints_of(const common::SandboxId& id)
{
    std::vector<Change> changes;
    for (auto& checkpoint : checkpoints_.of(id)) {
        checkpoint.status = Status::deleted;
        checkpoint.deleted_at = clock_.wall();
        checkpoints_.put(checkpoint);
        changes.emplace_back(std::move(checkpoint));
    }
    if (!changes.empty()) {
        save_outcome(std::move(changes), [](const Result<>&) {});
    }
}

Op Core::about(const common::SnapshotId& id) const
{
    const auto* checkpoint = checkpoints_.find(id);
    if (checkpoint == nullptr) {
        return nullptr;
    }
    Op latest;
    const auto [first, last] = pending_of_.equal_range(checkpoint->sandbox);
    for (auto entry = first; entry != last; ++entry) {
        const auto& op = pending_.at(entry->second);
        if (is_about_checkpoint(op->kind) && op->snapshot == id &&
            op->kind != Pending::Kind::verify_snapshot) {
            latest = op;
        }
    }
    return latest;
}

void Core::settle_checkpoints(const HostInventory& event)
{
    std::set<common::SnapshotId> reported;
    replicating_->settle(event);
    for (const auto& report : event.checkpoints) {
        reported.insert(report.id);
        if (!replicating_->keeps(event.host, report.id)) {
            settle_reported(event.host, report);
        }
    }
    for (const auto& checkpoint : checkpoints_.on(event.host)) {
        if (!reported.contains(checkpoint.id)) {
            settle_unreported(checkpoint);
        }
    }
}

void Core::settle_reported(const common::HostName& host, const CheckpointReport& report)
{
    const auto* found = checkpoints_.find(report.id);
    const auto* sandbox = fleet_.find(report.sandbox);
    if (found == nullptr && settings_.orphans == Orphans::adopt && sandbox != nullptr &&
        sandbox->phase != Phase::destroyed && sandbox->host == host &&
        !moving_->is_moving(sandbox->id) && common::is_name(report.name)) {
        auto adopted = adopted_checkpoint(*sandbox, report);
        if (checkpoints_.named(sandbox->id, adopted.name) != nullptr) {
            adopted.name = adopted.id.str();
        }
        return note(std::move(adopted), "snapshot.found", "adopted");
    }
    if (found == nullptr) {
        // It was on record before any host was asked for it: then this is the wrong database, or an
        // old one, and must do no harm.
        spdlog::warn("host {} has checkpoint {} of sandbox {}, which has no record: it is left "
                     "alone",
                     host.str(),
                     report.id.str(),
                     report.sandbox.str());
        return;
    }
    if (found->status == Status::deleted) {
        return delete_remains(host, report);
    }
    if (found->host != host) {
        return drop_stray(host, report);
    }
    if (about(report.id)) {
        return; // Its answer is on the way.
    }
    auto checkpoint = *found;
    if (checkpoint.status == Status::ready && checkpoint.error == not_there) {
        checkpoint.error.clear();
        note(checkpoint, "snapshot.found", "ok");
    }
    if (checkpoint.status == Status::taking) {
        adopt(checkpoint, report);
        if (!checkpoint.hidden) {
            checkpoints_.goes_on_from(checkpoint.sandbox, checkpoint.id);
        }
        note(checkpoint, "snapshot.create", "ok");
    }
    const bool of_no_use = checkpoint.hidden && !checkpoints_.is_held(checkpoint.id);
    if (checkpoint.status == Status::deleting || of_no_use) {
        const Caller caller{
            "system:reconciler", checkpoint.tenant, common::mint<common::RequestId>()};
        begin_delete(caller, checkpoint, [](const Result<Checkpoint>&) {});
    }
}

/// Its host has told of all that it has, and of this not.
void Core::settle_unreported(const Checkpoint& checkpoint)
{
    if (about(checkpoint.id)) {
        return; // It is asked for again.
    }
    auto gone = checkpoint;
    gone.status = Status::deleted;
    gone.deleted_at = clock_.wall();
    switch (checkpoint.status) {
    case Status::taking:
        gone.error = "its host has not made it";
        return note(std::move(gone), "snapshot.create", "not_made");
    case Status::ready: {
        const auto made = fresh_.find(checkpoint.id);
        if (made != fresh_.end() && clock_.steady() - made->second < settings_.checkpoint_grace) {
            return;
        }
        if (checkpoint.error == not_there) {
            return;
        }
        // A disk that is not mounted is no deletion: it stays on record, and may come back.
        spdlog::error("host {} has lost checkpoint {}", checkpoint.host.str(), checkpoint.id.str());
        auto lost = checkpoint;
        lost.error = not_there;
        return note(std::move(lost), "snapshot.lost", "lost");
    }
    case Status::deleting: return note(std::move(gone), "snapshot.delete", "ok");
    case Status::deleted: return;
    }
}

void Core::note(Checkpoint checkpoint, std::string_view action, const std::string& result)
{
    AuditRow row{AuditRow::Kind::outcome,
                 std::string{action},
                 {"system:reconciler", checkpoint.tenant, common::mint<common::RequestId>()},
                 {},
                 checkpoint.host.str(),
                 checkpoint.sandbox.str(),
                 result,
                 detail_of({{"snapshot_id", checkpoint.id.str()}, {"name", checkpoint.name}})};
    checkpoints_.put(checkpoint);
    save_outcome({std::move(checkpoint), std::move(row)}, [](const Result<>&) {});
}

void Core::settle_late(const common::HostName& host, const CheckpointReport& report)
{
    const auto* found = checkpoints_.find(report.id);
    if (found == nullptr || replicating_->keeps(host, report.id)) {
        return;
    }
    if (found->host != host) {
        return drop_stray(host, report); // Fetched after its move was given up.
    }
    if (found->status == Status::taking) {
        return settle_reported(host, report);
    }
    if (found->status == Status::deleted && found->path.empty()) {
        auto made = *found;
        made.path = report.path; // Once is enough, whatever the host answers.
        checkpoints_.put(std::move(made));
        delete_remains(host, report);
    }
}

} // namespace coordinator
