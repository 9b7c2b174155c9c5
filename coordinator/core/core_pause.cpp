// Pause and resume, which keep the memory of a sandbox, and a longer life for it.
#include "coordinator/core/fencing.hpp"
#include "coordinator/core/moving.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<Sandbox> Core::pause(const Caller& caller, const common::SandboxId& id)
{
    return ask_host<Sandbox>(
        caller,
        id,
        settings_.pause_timeout,
        "pause sandbox " + id.str(),
        [this, caller, id](SandboxDone done) { begin_pause(caller, id, std::move(done)); });
}

Result<Sandbox> Core::resume(const Caller& caller, const common::SandboxId& id)
{
    return ask_host<Sandbox>(
        caller,
        id,
        settings_.pause_timeout,
        "resume sandbox " + id.str(),
        [this, caller, id](SandboxDone done) { begin_resume(caller, id, std::move(done)); });
}

Result<Sandbox>
Core::extend(const Caller& caller, const common::SandboxId& id, std::chrono::seconds ttl)
{
    // The store has its own deadline for a write; this is for a store that forgot.
    return ask_within<Sandbox>(settings_.grace * 2,
                               "extend sandbox " + id.str(),
                               [this, caller, id, ttl](SandboxDone done) {
                                   touch(caller, id);
                                   begin_extend(caller, id, ttl, std::move(done));
                               });
}

void Core::begin_pause(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const auto current = lifecycle_of(id);
    if (current && current->kind == Pending::Kind::pause) {
        current->waiting.push_back(std::move(done));
        return;
    }
    if (current || sandbox.desired == Desired::destroyed ||
        (sandbox.phase != Phase::running && sandbox.phase != Phase::paused)) {
        return done(wrong_state(sandbox, "pause"));
    }
    if (sandbox.phase == Phase::paused && !fencing_->is_still(sandbox)) {
        return done(sandbox);
    }
    if (const auto host = reachable(sandbox); !host) {
        return done(host.error());
    }
    auto changed = sandbox;
    ++changed.generation;
    const auto op = begin_operation(Pending::Kind::pause, caller, changed, PauseOnHost{id});
    op->waiting.push_back(std::move(done));
    begin_lifecycle(op, changed, Sandbox{sandbox}, nullptr, "{}");
}

void Core::begin_resume(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const auto current = lifecycle_of(id);
    const bool resuming = current && current->kind == Pending::Kind::start;
    if (sandbox.phase != Phase::paused && sandbox.phase != Phase::running &&
        sandbox.phase != Phase::suspended && !resuming) {
        return done(wrong_state(sandbox, "resume"));
    }
    if (current &&
        (current->kind == Pending::Kind::pause || current->kind == Pending::Kind::suspend)) {
        return done(
            Error{ErrorCode::failed_precondition,
                  "resume sandbox " + id.str() + ": a " + current->row.kind + " of it is under way",
                  "wrong_state"});
    }
    begin_start(caller, id, std::move(done)); // To its host that is the same.
}

/// Its host may have started anew while it was paused, and not know of the commands in it.
void Core::woken(const common::SandboxId& id)
{
    std::vector<Op> runs;
    const auto [first, last] = pending_of_.equal_range(id);
    for (auto entry = first; entry != last; ++entry) {
        if (const auto& op = pending_.at(entry->second); op->kind == Pending::Kind::run) {
            runs.push_back(op);
        }
    }
    for (const auto& op : runs) {
        op->give_up = clock_.steady() + settings_.agent_patience;
        send_again(op);
    }
}

/// No host is asked: intent and outcome are one write.
void Core::begin_extend(const Caller& caller,
                        const common::SandboxId& id,
                        std::chrono::seconds ttl,
                        SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    if ((*found)->desired == Desired::destroyed) {
        return done(Error{ErrorCode::failed_precondition,
                          "extend sandbox " + id.str() + ": it is being destroyed",
                          "wrong_state"});
    }
    const Sandbox before{**found};
    auto changed = before;
    changed.ttl = ttl;
    changed.expires_at = clock_.wall() + ttl;
    put(changed);
    AuditRow row{AuditRow::Kind::intent,
                 "sandbox.extend",
                 caller,
                 common::mint<common::OperationId>(),
                 changed.host.str(),
                 id.str(),
                 "",
                 detail_of({{"ttl_seconds", std::to_string(ttl.count())}})};
    auto outcome = row;
    outcome.kind = AuditRow::Kind::outcome;
    outcome.result = "ok";
    save({changed, std::move(row), std::move(outcome)},
         [this, id, before, changed, done = std::move(done)](const Result<>& saved) {
             const auto* now = fleet_.find(id);
             if (saved || saved.error().code == ErrorCode::timeout) {
                 if (!saved) {
                     dirty_.insert(id); // It may be there: then it shall be.
                     return done(not_recorded("extend sandbox " + id.str(), saved.error()));
                 }
                 return now == nullptr ? done(changed) : done(*now);
             }
             if (now != nullptr && now->expires_at == changed.expires_at) {
                 auto restored = *now;
                 restored.ttl = before.ttl;
                 restored.expires_at = before.expires_at;
                 put(std::move(restored));
             }
             done(not_recorded("extend sandbox " + id.str(), saved.error()));
         });
}

} // namespace coordinator
