// Start, stop, destroy.
#include "coordinator/core/moving.hpp"
#include "coordinator/core/pooling.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error finished_later(const Sandbox& sandbox)
{
    return {ErrorCode::timeout,
            "destroy sandbox " + sandbox.id.str() + ": its host " + sandbox.host.str() +
                " is not connected; this is finished when it is back",
            "outcome_unknown"};
}

} // namespace

Error Core::wrong_state(const Sandbox& sandbox, std::string_view attempt)
{
    return {ErrorCode::failed_precondition,
            std::string{attempt} + " sandbox " + sandbox.id.str() + ": it is " +
                std::string{to_string(sandbox.phase)},
            "wrong_state"};
}

Result<Sandbox> Core::start(const Caller& caller, const common::SandboxId& id, bool wait_for_ip)
{
    const auto patience = settings_.boot_timeout + settings_.grace;
    const auto begin = [this, caller, id, wait_for_ip, patience](const Reply<Sandbox>& reply) {
        const Error late{ErrorCode::timeout,
                         "start sandbox " + id.str() +
                             ": its host has not answered in time; the work goes on",
                         "boot_timeout"};
        const auto for_ip =
            wait_for_ip ? settings_.ip_timeout + settings_.grace : std::chrono::milliseconds{};
        if (!wait_for_host(reply, caller, id, patience + for_ip, late)) {
            return;
        }
        if (const auto found = living(caller, id);
            wait_for_ip && found && (*found)->network == NetworkMode::none) {
            return reply(no_network("start sandbox " + id.str()));
        }
        touch(caller, id);
        const auto started = [this, reply, wait_for_ip](Result<Sandbox> now) {
            if (now && wait_for_ip) {
                await_ip(now->id, reply);
            } else {
                reply(std::move(now));
            }
        };
        when_it_stays(
            caller, id, [this, caller, id, started] { begin_start(caller, id, started); });
    };
    return ask<Sandbox>(patience + settings_.ip_timeout + settings_.grace, begin);
}

Result<Sandbox> Core::stop(const Caller& caller, const common::SandboxId& id, StopRequest request)
{
    const auto patience = request.timeout.value_or(settings_.stop_timeout) + settings_.grace * 2;
    return ask_host<Sandbox>(caller,
                             id,
                             patience,
                             "stop sandbox " + id.str(),
                             [this, caller, id, request](SandboxDone done) {
                                 begin_stop(caller, id, request, std::move(done));
                             });
}

Result<Sandbox> Core::destroy(const Caller& caller, const common::SandboxId& id)
{
    const auto patience = settings_.destroy_timeout;
    return ask<Sandbox>(
        patience + settings_.grace, [this, caller, id, patience](const Reply<Sandbox>& reply) {
            const Error late{ErrorCode::timeout,
                             "destroy sandbox " + id.str() +
                                 ": its host has not answered yet; this is finished when it does",
                             "outcome_unknown"};
            // Too many wait for its host, or a move is in its way: it is ended all the same.
            if (callers_.may_wait(id)) {
                wait_for_host(reply, caller, id, patience, late);
                begin_destroy(caller, id, reply);
            } else {
                begin_destroy(caller, id, reply);
                reply(late);
            }
        });
}

void Core::begin_start(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const auto current = lifecycle_of(id);
    if (sandbox.desired == Desired::destroyed) {
        return done(Error{ErrorCode::failed_precondition,
                          "start sandbox " + id.str() + ": it is being destroyed",
                          "wrong_state"});
    }
    const bool booting =
        state_of(sandbox.phase) == State::starting || sandbox.phase == Phase::placing;
    const bool restoring = current && current->kind == Pending::Kind::restore;
    if (current && booting && !restoring && sandbox.desired == Desired::running) {
        current->waiting.push_back(std::move(done));
        return;
    }
    if (sandbox.phase == Phase::running && !restoring) {
        return done(sandbox);
    }
    if (current || sandbox.phase == Phase::lost || booting) {
        return done(wrong_state(sandbox, "start"));
    }
    if (const auto host = reachable(sandbox); !host) {
        return done(host.error());
    }
    if (const auto room = admit(sandbox, "start"); !room) {
        const auto again = [this, caller, id, done, room](Pooling::Room now) {
            now == Pooling::Room::made ? begin_start(caller, id, done) : done(room.error());
        };
        // Whoever starts or resumes it waits for longer.
        const auto until = clock_.steady() + settings_.pause_timeout / 2;
        const auto there = pooling_->as_there(sandbox, sandbox.host);
        if (!pooling_->make_room(there, sandbox.host, until, again)) {
            done(room.error());
        }
        return;
    }
    auto changed = sandbox;
    ++changed.generation;
    changed.desired = Desired::running;
    changed.error.clear();
    const auto op = begin_operation(
        Pending::Kind::start, caller, changed, StartOnHost{id, settings_.boot_timeout});
    op->waiting.push_back(std::move(done));
    changed.phase = sandbox.phase == Phase::suspended ? Phase::restoring : Phase::starting;
    begin_lifecycle(op, changed, Sandbox{sandbox}, nullptr, "{}");
}

void Core::begin_stop(const Caller& caller,
                      const common::SandboxId& id,
                      const StopRequest& request,
                      SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const auto current = lifecycle_of(id);
    if (current && current->kind == Pending::Kind::stop && !request.force) {
        current->waiting.push_back(std::move(done));
        return;
    }
    if (sandbox.desired == Desired::destroyed || sandbox.phase == Phase::placing ||
        sandbox.phase == Phase::lost) {
        return done(wrong_state(sandbox, "stop"));
    }
    if (sandbox.phase == Phase::stopped || sandbox.phase == Phase::created) {
        return done(sandbox);
    }
    if (const auto host = reachable(sandbox); !host) {
        return done(host.error());
    }
    if (sandbox.phase == Phase::suspended) { // Stopped, it holds its place on its host again.
        if (const auto room = admit(sandbox, "stop"); !room) {
            return done(room.error());
        }
    }
    auto changed = sandbox;
    ++changed.generation;
    changed.desired = Desired::stopped;
    const StopOnHost what{id, request.force, request.timeout.value_or(settings_.stop_timeout)};
    const auto op = begin_operation(Pending::Kind::stop, caller, changed, what);
    op->waiting.push_back(std::move(done));
    changed.phase = Phase::stopping;
    begin_lifecycle(op,
                    changed,
                    Sandbox{sandbox},
                    current,
                    detail_of({{"force", request.force ? "yes" : "no"}}));
}

void Core::begin_destroy(const Caller& caller, const common::SandboxId& id, SandboxDone done)
{
    const auto found = living(caller, id);
    if (!found) {
        return done(found.error());
    }
    const auto& sandbox = **found;
    const auto current = lifecycle_of(id);
    if (current && current->kind == Pending::Kind::destroy) {
        if (!reachable(sandbox)) {
            return done(finished_later(sandbox));
        }
        current->waiting.push_back(std::move(done));
        return;
    }
    auto changed = sandbox;
    ++changed.generation;
    changed.desired = Desired::destroyed;
    const auto op = begin_operation(Pending::Kind::destroy, caller, changed, DestroyOnHost{id});
    op->waiting.push_back(std::move(done));
    begin_lifecycle(op, changed, Sandbox{sandbox}, current, "{}");
}

/// The intent is made durable, then the host is asked. A write that certainly failed is
/// taken back; one that may have landed is not, and the host is asked all the same,
/// since what was written would have it asked at the next start.
void Core::begin_lifecycle(
    const Op& op, Sandbox changed, const Sandbox& before, const Op& interrupted, std::string detail)
{
    op->came_from = before.phase;
    put(changed);
    save({changed, op->row, intent_of(op, std::move(detail))},
         [this, op, before, interrupted](const Result<>& saved) {
             if (!pending_.contains(op->row.id)) {
                 return; // It was destroyed meanwhile, which was told and recorded.
             }
             if (!saved && saved.error().code != ErrorCode::timeout) {
                 take_back(op, before, interrupted);
                 return tell(
                     op, not_recorded(op->row.kind + " sandbox " + before.id.str(), saved.error()));
             }
             op->durable = true;
             dispatch(op);
             if (op->kind == Pending::Kind::destroy && !reachable(before)) {
                 tell(op, finished_later(before));
             }
         });
}

/// As if it had not been asked for: what it interrupted goes on.
void Core::take_back(const Op& op, const Sandbox& before, const Op& interrupted)
{
    retire(op);
    auto restored = *fleet_.find(before.id);
    if (restored.phase == Phase::destroyed || restored.generation != op->row.generation) {
        return;
    }
    restored.phase = before.phase;
    restored.desired = before.desired;
    put(std::move(restored));
    dirty_.insert(before.id);     // Another write may have carried what is taken back here …
    link_.request_sync(op->host); // … and its host may have said something meanwhile.
    if (before.desired == Desired::destroyed) {
        destroy_again_.try_emplace(before.id, clock_.steady() + settings_.destroy_again_after);
    }
    if (interrupted && interrupted->kind == Pending::Kind::claim &&
        !pending_.contains(interrupted->row.id) && interrupted->row.status != "done") {
        return pooling_->claim_left_over(interrupted); // It was left to what is taken back here.
    }
    if (!interrupted || interrupted->kind != Pending::Kind::create || interrupted->dispatched) {
        return;
    }
    const bool under_way = pending_.contains(interrupted->row.id);
    if (under_way && interrupted->durable) {
        dispatch(interrupted);
    } else if (!under_way) {
        withdraw(before.id);
    }
}

void Core::finish_lifecycle(const Op& op, const HostAnswer& answer)
{
    const auto* now = fleet_.find(op->row.sandbox);
    if (!answer.error) {
        if (const auto* report = std::get_if<SandboxReport>(&answer.value); report != nullptr) {
            apply(op->host, *report);
        }
        return conclude(op, std::nullopt);
    }
    // Where it is now only the host knows; until its word comes, it is where it was meant to
    // be, or the answer says that it is not there at all.
    if (now->generation == op->row.generation && answer.error->code != ErrorCode::timeout) {
        auto changed = *now;
        changed.error = answer.error->message;
        if (const auto phase = after_refusal(op, *answer.error)) {
            changed.phase = *phase;
            if (*phase != Phase::lost) {
                changed.desired =
                    state_of(*phase) == State::running ? Desired::running : Desired::stopped;
            }
        }
        put(std::move(changed));
        link_.request_sync(op->host);
    }
    conclude(op, answer.error);
}

std::optional<Phase> Core::after_refusal(const Op& op, const Error& error)
{
    if (op->kind == Pending::Kind::restore) {
        return op->came_from; // What was not found may be the checkpoint.
    }
    if (error.code == ErrorCode::not_found) {
        return Phase::lost;
    }
    if (op->came_from == Phase::paused) {
        return Phase::paused;
    }
    if (op->came_from == Phase::suspended) {
        // If something broke there, it may have its memory: then that stays charged.
        return error.stable_reason() == "host_failed" ? std::nullopt
                                                      : std::optional{Phase::suspended};
    }
    if (op->kind == Pending::Kind::start) {
        return Phase::stopped;
    }
    if (op->kind == Pending::Kind::suspend) {
        return op->came_from;
    }
    return Phase::running;
}

void Core::finish_destroy(const Op& op, const HostAnswer& answer)
{
    const bool gone = !answer.error || answer.error->code == ErrorCode::not_found;
    if (gone) {
        return mark_destroyed(*fleet_.find(op->row.sandbox), op);
    }
    // Not done yet: whoever waits is told why, and it is asked for again.
    auto changed = *fleet_.find(op->row.sandbox);
    changed.error = answer.error->message;
    put(changed);
    destroy_again_[changed.id] = clock_.steady() + settings_.destroy_again_after;
    conclude(op,
             Error{ErrorCode::timeout,
                   "destroy sandbox " + changed.id.str() +
                       ": not finished yet, it is tried again: " + answer.error->message,
                   "outcome_unknown"});
}

void Core::mark_destroyed(Sandbox sandbox, const Op& by, const std::optional<Error>& error)
{
    const auto id = sandbox.id;
    sandbox.phase = Phase::destroyed;
    sandbox.desired = Desired::destroyed;
    sandbox.deleted_at = clock_.wall();
    sandbox.ip.clear();
    put(sandbox);
    unconfirmed_.erase(id);
    end_checkpoints_of(id);
    std::vector<Op> others;
    const auto [first, last] = pending_of_.equal_range(id);
    for (auto entry = first; entry != last; ++entry) {
        const auto& op = pending_.at(entry->second);
        // A destroy ends well by itself, and so does what is copied from its disk.
        if (op != by && op->kind != Pending::Kind::destroy && !is_about_image(op->kind) &&
            !is_about_move(op->kind)) {
            others.push_back(op);
        }
    }
    const Error destroyed{
        ErrorCode::failed_precondition, "sandbox " + id.str() + " was destroyed", "wrong_state"};
    for (const auto& op : others) {
        if (op->kind == Pending::Kind::run) {
            end_run(op,
                    Error{ErrorCode::timeout,
                          "the sandbox was destroyed while the command ran",
                          "outcome_unknown"});
        } else if (is_about_checkpoint(op->kind)) {
            const bool done = op->kind == Pending::Kind::delete_snapshot;
            end_checkpoint(op,
                           *checkpoints_.find(op->snapshot),
                           done ? std::nullopt : std::optional{destroyed});
        } else {
            conclude(op, destroyed);
        }
    }
    moving_->destroyed(id);
    if (auto gone = *fleet_.find(id); !gone.moving_to.empty()) {
        gone.moving_to = {};
        put(std::move(gone));
    }
    if (by) {
        conclude(by, error);
    } else {
        dirty_.insert(id);
    }
}

} // namespace coordinator
