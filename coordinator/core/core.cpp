// The loop, and what every operation goes through from intent to outcome.
#include "coordinator/core/core.hpp"

#include "common/log/log.hpp"
#include "coordinator/core/draining.hpp"
#include "coordinator/core/evacuating.hpp"
#include "coordinator/core/fencing.hpp"
#include "coordinator/core/imaging.hpp"
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"
#include "coordinator/core/replicating.hpp"
#include "coordinator/core/streams.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

// More than can ever wait: bounded by the operations under way and the hosts' messages.
constexpr std::size_t loop_capacity = std::size_t{1} << 18U;

} // namespace

Core::Core(
    Store& store, HostLink& link, Blobs& blobs, const common::Clock& clock, CoreSettings settings)
    : store_{store},
      link_{link},
      clock_{clock},
      settings_{settings},
      callers_{fleet_, settings.most_callers},
      pooling_{std::make_unique<Pooling>(*this)},
      imaging_{std::make_unique<Imaging>(*this)},
      registry_{std::make_unique<Registry>(*this, blobs)},
      streams_{std::make_unique<Streams>(*this)},
      moving_{std::make_unique<Moving>(*this)},
      replicating_{std::make_unique<Replicating>(*this, *moving_)},
      draining_{std::make_unique<Draining>(*this, *moving_)},
      evacuating_{std::make_unique<Evacuating>(*this, *moving_)},
      fencing_{std::make_unique<Fencing>(*this, *moving_)},
      audit_{store},
      tail_{store},
      loop_{std::make_shared<common::EventLoop>(clock, loop_capacity)}
{}

Core::~Core()
{
    stop();
}

Result<std::uint64_t> Core::start()
{
    COMMON_TRY(auto snapshot, store_.load());
    for (auto& sandbox : snapshot.sandboxes) {
        fleet_.put(std::move(sandbox));
    }
    for (auto& host : snapshot.hosts) {
        host.health = HostHealth::joining;
        auto& known = fleet_.hosts()[host.name];
        known.last_beat = clock_.steady();
        known.wish_recorded = host.wish;
        known.host = std::move(host);
    }
    std::vector<Change> changes;
    for (auto& operation : snapshot.unfinished) {
        if (operation.kind == "create") {
            unconfirmed_.insert(operation.sandbox);
        }
        if (const auto* claimed = fleet_.find(operation.sandbox);
            operation.kind == "claim" && claimed != nullptr && claimed->phase != Phase::destroyed) {
            // Nobody was told that it is theirs. Its host's next word has it destroyed.
            auto nobodys = Pooling::nobodys(*claimed);
            nobodys.desired = Desired::destroyed;
            changes.emplace_back(nobodys);
            fleet_.put(std::move(nobodys));
        }
        operation.status = "unknown";
        operation.ended_at = clock_.wall();
        operation.error = "the coordinator ended while it was under way";
        AuditRow row{AuditRow::Kind::outcome,
                     audit_action(operation.kind),
                     {"system:restart", "", operation.request},
                     operation.id,
                     "",
                     operation.sandbox.str(),
                     "outcome_unknown",
                     detail_of({{"why", operation.error}})};
        changes.emplace_back(std::move(operation));
        changes.emplace_back(std::move(row));
    }
    adopt_checkpoints(std::move(snapshot.checkpoints), changes);
    replicating_->adopt(std::move(snapshot.replicas));
    registry_->adopt(std::move(snapshot.images), changes);
    pooling_->adopt(std::move(snapshot.pools));
    post([this, changes = std::move(changes)]() mutable {
        if (!changes.empty()) {
            save_outcome(std::move(changes), [](const Result<>&) {});
        }
        moving_->adopt();
        replicating_->resume();
        tick(clock_.steady());
        delete_old_snapshots();
    });
    for (const auto& command : snapshot.unfinished_commands) {
        post([this, command] { resume_command(command); });
    }
    link_.observe([this, loop = loop_](HostEvent event) {
        auto task = [this, event = std::move(event)]() mutable { on_event(std::move(event)); };
        if (!loop->post(std::move(task))) {
            spdlog::warn("ignoring a host's message: too much is waiting");
        }
    });
    loop_->start();
    tail_.start();
    return snapshot.epoch;
}

void Core::stop()
{
    ending_ = true;
    audit_.stop();
    tail_.stop();
    loop_->stop();
    streams_->stop();
    moving_->stop();
    callers_.clear();
    pending_.clear(); // Their replies are gone with them: whoever waits is told.
    watches_.clear();
    writing_.under_way.clear();
}

Error Core::no_answer()
{
    return {ErrorCode::unavailable,
            "the coordinator is ending; what was begun goes on, ask again in a moment",
            "coordinator_ending"};
}

Error Core::no_answer_yet(const std::string& attempt)
{
    return {
        ErrorCode::timeout, attempt + ": no answer in time; the work goes on", "outcome_unknown"};
}

void Core::when_it_stays(const Caller& caller,
                         const common::SandboxId& id,
                         std::function<void()> then)
{
    moving_->when_free(caller, id, std::move(then));
}

void Core::post(common::EventLoop::Task task)
{
    if (!loop_->post(std::move(task))) {
        spdlog::warn("dropping work: too much is waiting, or the coordinator is ending");
    }
}

Op Core::begin_operation(Pending::Kind kind,
                         const Caller& caller,
                         const Sandbox& sandbox,
                         decltype(HostCommand::what) what)
{
    auto op = std::make_shared<Pending>();
    op->kind = kind;
    op->caller = caller;
    op->host = sandbox.host;
    op->begun = clock_.steady();
    op->command.what = std::move(what);
    op->command.operation = common::mint<common::OperationId>();
    op->command.request = caller.request;
    op->command.generation = sandbox.generation;
    op->row.id = op->command.operation;
    op->row.sandbox = sandbox.id;
    op->row.kind = to_string(kind);
    op->row.status = "running";
    op->row.request = caller.request;
    op->row.generation = sandbox.generation;
    op->row.created_at = clock_.wall();
    pending_.emplace(op->row.id, op);
    pending_of_.emplace(sandbox.id, op->row.id);
    return op;
}

AuditRow Core::intent_of(const Op& op, std::string detail) const
{
    return {AuditRow::Kind::intent,
            audit_action(op->row.kind),
            op->caller,
            op->row.id,
            op->host.str(),
            op->image.empty() ? op->row.sandbox.str() : op->image.str(),
            "",
            std::move(detail)};
}

AuditRow Core::outcome_of(const Op& op, const std::optional<Error>& error) const
{
    auto row = intent_of(op, error ? detail_of({{"error", error->message}}) : op->outcome);
    row.kind = AuditRow::Kind::outcome;
    row.result = error ? std::string{error->stable_reason()} : "ok";
    return row;
}

Result<> Core::room_for_one_more() const
{
    if (pending_.size() < settings_.max_operations + stranded_ + streams_->running()) {
        return {};
    }
    return Error{ErrorCode::rate_limited, "too many operations are under way", "busy"};
}

void Core::dispatch(const Op& op)
{
    op->sent = clock_.steady();
    const auto sent = link_.send(op->host, op->command);
    if (!sent && op->kind == Pending::Kind::run && !op->dispatched) {
        // Nobody has it: it may be sent later, as if for the first time.
        return finish_run(op, {op->host, op->row.id, sent.error(), {}});
    }
    op->dispatched = true;
    if (!sent) {
        // The next inventory of that host brings it up again.
        spdlog::warn("{} of {} waits for host {}: {}",
                     op->row.kind,
                     op->row.sandbox.str(),
                     op->host.str(),
                     sent.error().message);
    }
}

void Core::send_again(const Op& op)
{
    if (!op->dispatched) {
        return;
    }
    if (auto* exec = std::get_if<ExecOnHost>(&op->command.what); exec != nullptr) {
        const auto* sandbox = fleet_.find(op->row.sandbox);
        if (sandbox != nullptr &&
            (sandbox->phase == Phase::paused || sandbox->phase == Phase::suspended ||
             state_of(sandbox->phase) == State::starting)) {
            return; // Nobody can tell before it goes on: see woken().
        }
        exec->resumed = true;
        op->give_up = clock_.steady() + settings_.agent_patience; // Its host may have begun anew.
    }
    if (op->kind == Pending::Kind::delete_snapshot || op->kind == Pending::Kind::verify_snapshot) {
        // Nothing that was asked of its sandbox since makes this outdated.
        op->command.generation = fleet_.find(op->row.sandbox)->generation;
    }
    dispatch(op);
}

void Core::tell(const Op& op, const Result<Sandbox>& result)
{
    for (const auto& done : std::exchange(op->waiting, {})) {
        done(result);
    }
}

void Core::retire(const Op& op)
{
    pending_.erase(op->row.id);
    const auto [first, last] = pending_of_.equal_range(op->row.sandbox);
    for (auto entry = first; entry != last; ++entry) {
        if (entry->second == op->row.id) {
            pending_of_.erase(entry);
            return;
        }
    }
}

void Core::close(const Op& op, const std::optional<Error>& error)
{
    retire(op);
    const bool unknown = error && error->code == ErrorCode::timeout;
    op->row.status = !error ? "done" : unknown ? "unknown" : "failed";
    op->row.ended_at = clock_.wall();
    op->row.error = error ? error->message : "";
    counts_.ended(to_string(op->kind), op->row.status, clock_.steady() - op->begun);
}

void Core::conclude(const Op& op, const std::optional<Error>& error)
{
    close(op, error);
    std::vector<Change> changes;
    if (const auto* sandbox = fleet_.find(op->row.sandbox); sandbox != nullptr) {
        changes.emplace_back(*sandbox);
    }
    changes.emplace_back(op->row);
    changes.emplace_back(outcome_of(op, error));
    save_outcome(std::move(changes), [this, op, error](const Result<>& saved) {
        const auto* sandbox = fleet_.find(op->row.sandbox);
        if (error) {
            tell(op, *error);
        } else if (!saved) {
            // It was done: whoever took this for a failure would do it again.
            tell(op,
                 Error{ErrorCode::timeout,
                       op->row.kind + " of " + op->row.sandbox.str() +
                           ": done, but the database has not recorded it yet: " +
                           saved.error().message,
                       "outcome_unknown"});
        } else if (sandbox != nullptr) {
            tell(op, *sandbox);
        }
    });
}

Result<const Sandbox*> Core::living(const Caller& caller, const common::SandboxId& id) const
{
    const auto* sandbox = fleet_.find(id);
    if (sandbox == nullptr || sandbox->tenant != caller.tenant) {
        return Error{ErrorCode::not_found, "no sandbox " + id.str()};
    }
    if (sandbox->phase == Phase::destroyed) {
        return Error{ErrorCode::not_found, "sandbox " + id.str() + " was destroyed"};
    }
    return sandbox;
}

Result<const KnownHost*> Core::reachable(const Sandbox& sandbox) const
{
    const auto found = fleet_.hosts().find(sandbox.host);
    if (found == fleet_.hosts().end() || found->second.host.health == HostHealth::lost) {
        return Error{ErrorCode::unavailable,
                     "sandbox " + sandbox.id.str() + " is on host " + sandbox.host.str() +
                         ", which is not connected",
                     "host_unreachable"};
    }
    return &found->second;
}

Op Core::lifecycle_of(const common::SandboxId& id) const
{
    Op latest;
    const auto [first, last] = pending_of_.equal_range(id);
    for (auto entry = first; entry != last; ++entry) {
        const auto& op = pending_.at(entry->second);
        if (is_lifecycle(op->kind) && (!latest || op->row.generation > latest->row.generation)) {
            latest = op;
        }
    }
    return latest;
}

void Core::put(Sandbox sandbox)
{
    const auto id = sandbox.id;
    sandbox.updated_at = clock_.wall();
    fleet_.put(std::move(sandbox));
    std::vector<Watch> due;
    auto [entry, last] = watches_.equal_range(id);
    while (entry != last) {
        if (entry->second.ready(*fleet_.find(id))) {
            due.push_back(std::move(entry->second));
            entry = watches_.erase(entry);
        } else {
            ++entry;
        }
    }
    for (const auto& watch : due) {
        watch.then(Sandbox{*fleet_.find(id)});
    }
}

void Core::when(const common::SandboxId& id,
                std::function<bool(const Sandbox&)> ready,
                std::function<void(const Sandbox&)> then)
{
    const auto* sandbox = fleet_.find(id);
    if (sandbox != nullptr && ready(*sandbox)) {
        return then(Sandbox{*sandbox});
    }
    const auto until = clock_.steady() + settings_.command_timeout + settings_.boot_timeout +
                       settings_.ip_timeout + settings_.grace;
    watches_.emplace(id, Watch{std::move(ready), std::move(then), until});
}

} // namespace coordinator
