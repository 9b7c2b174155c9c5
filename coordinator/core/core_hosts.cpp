// What hosts say.
#include "coordinator/core/fencing.hpp"
#include "coordinator/core/imaging.hpp"
#include "coordinator/core/moving.hpp"
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"
#include "coordinator/core/replicating.hpp"
#include "coordinator/core/strays.hpp"
#include "coordinator/core/streams.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;

namespace {

/// Its host may undo it yet.
bool is_half_made(Phase phase)
{
    return phase == Phase::pending || phase == Phase::placing || phase == Phase::starting ||
           phase == Phase::restoring;
}

bool is_on(Phase phase)
{
    return state_of(phase) == State::running || state_of(phase) == State::starting;
}

} // namespace

void Core::on_event(HostEvent event)
{
    struct Visitor {
        Core& core;
        void operator()(const HostConnected& it) const { core.on_connected(it); }
        void operator()(const HostBeat& it) const { core.on_beat(it); }
        void operator()(const HostInventory& it) const { core.on_inventory(it); }
        void operator()(const HostStatus& it) const { core.on_status(it); }
        void operator()(const HostAnswer& it) const { core.on_answer(it); }
        void operator()(const HostActivity& it) const { core.on_activity(it); }
        void operator()(const HostReaderNews& it) const { core.streams_->on_news(it); }
        void operator()(const HostWantsPiece& it) const
        {
            if (!core.moving_->on_wanted(it)) {
                core.registry_->on_wanted(it);
            }
        }
        void operator()(HostGivesPiece& it) const { core.moving_->on_given(std::move(it)); }
        void operator()(const HostDisplaced& it) const { core.on_displaced(it); }
    };
    ++counts_.host_messages.at(event.index());
    std::visit(Visitor{*this}, event);
}

KnownHost& Core::seen(const common::HostName& name, const HostFacts& facts)
{
    auto& known = fleet_.hosts()[name];
    if (known.host.name.empty()) {
        known.host.name = name;
        known.host.first_seen = clock_.wall();
    }
    known.last_beat = clock_.steady();
    known.host.last_seen = clock_.wall();
    const auto had = std::exchange(known.host.facts, facts).images;
    imaging_->amend(known.host);
    registry_->amend(known.host);
    if (had != known.host.facts.images) {
        fleet_.images_changed();
    }
    return known;
}

void Core::on_connected(const HostConnected& event)
{
    const auto* before = fleet_.host(event.host);
    const bool was_away = before == nullptr || before->host.health == HostHealth::lost;
    auto& known = seen(event.host, event.facts);
    known.comes_cold = known.comes_cold || was_away;
    known.instance = event.instance;
    known.inventoried = false;
    known.host.health = HostHealth::joining;
    spdlog::info("host {} connected: {} {}, {} vCPUs, {} MiB",
                 event.host.str(),
                 event.facts.accel,
                 event.facts.qemu_version,
                 event.facts.capacity_vcpus,
                 event.facts.capacity_memory.mib());
    std::vector<Change> changes{known.host};
    if (auto row = audit_of_host(known, "host.connect", {{"instance", event.instance}}); row) {
        changes.emplace_back(*std::move(row));
    }
    save_outcome(std::move(changes), [](const common::Result<>&) {});
    streams_->on_connected(event.host);
}

/// Nothing if the audit had the same of this host a moment ago: one that connects over and
/// over must not fill it. The next row says how often it was.
std::optional<AuditRow>
Core::audit_of_host(KnownHost& known,
                    const std::string& action,
                    std::vector<std::pair<std::string_view, std::string>> detail)
{
    constexpr std::chrono::seconds apart{10};
    const auto now = clock_.steady();
    const auto [last, first] = known.recorded.try_emplace(action);
    if (!first && now - last->second.at < apart) {
        ++last->second.left_out;
        return std::nullopt;
    }
    const auto left_out = std::exchange(last->second, {now, 0}).left_out;
    if (left_out > 0) {
        detail.emplace_back("left_out_before", std::to_string(left_out));
    }
    const auto name = known.host.name.str();
    return AuditRow{AuditRow::Kind::outcome,
                    action,
                    {"host:" + name, "", common::mint<common::RequestId>()},
                    {},
                    name,
                    name,
                    "ok",
                    detail_of(detail)};
}

void Core::on_beat(const HostBeat& event)
{
    const auto* before = fleet_.host(event.host);
    const bool is_new = before == nullptr;
    const auto had = is_new ? std::vector<Image>{} : before->host.facts.images;
    auto& known = seen(event.host, event.facts);
    fencing_->heard(event);
    const bool write = is_new || had != known.host.facts.images;
    if (known.inventoried) {
        known.host.health = HostHealth::ready;
    }
    if (write) {
        save_outcome({known.host}, [](const common::Result<>&) {});
    }
}

void Core::on_inventory(const HostInventory& event)
{
    auto* known = fleet_.host(event.host);
    if (known == nullptr) {
        return;
    }
    std::set<common::SandboxId> reported;
    known->unknown.clear();
    for (const auto& report : event.sandboxes) {
        reported.insert(report.id);
        if (apply(event.host, report)) {
            dirty_.insert(report.id);
        }
    }
    for (const auto& id : fleet_.on(event.host)) {
        if (!reported.contains(id)) {
            missing(Sandbox{*fleet_.find(id)});
            unconfirmed_.erase(id);
        }
    }
    if (!reports_.empty()) { // Their sandboxes are dirty.
        save_outcome(std::exchange(reports_, {}), [](const common::Result<>&) {});
    }
    settle_checkpoints(event);
    if (std::exchange(known->comes_cold, false)) {
        registry_->begin_warming(*known);
    }
    known->inventoried = true;
    known->host.health = HostHealth::ready;
    // In the order that they were asked for in: an older one may be outdated by then, which
    // its host will say.
    std::vector<Op> again;
    for (const auto& [id, op] : pending_) {
        if (op->host == event.host && op->dispatched) {
            again.push_back(op);
        }
    }
    std::ranges::sort(again, {}, [](const Op& op) { return op->begun; });
    std::ranges::for_each(again, [this](const Op& op) { send_again(op); });
    for (const auto& id : fleet_.on(event.host)) {
        const auto& sandbox = *fleet_.find(id);
        if (sandbox.desired == Desired::destroyed && !lifecycle_of(id)) {
            destroy_again_.try_emplace(id, clock_.steady());
        }
    }
}

/// A sandbox that its host does not have.
void Core::missing(const Sandbox& sandbox)
{
    const auto current = lifecycle_of(sandbox.id);
    if (sandbox.desired == Desired::destroyed) {
        return; // Files of it may be left: it is destroyed once its host has answered that.
    }
    if (current && current->kind == Pending::Kind::create) {
        return; // Not made yet: its create is sent again.
    }
    if (moving_->is_arriving(sandbox.id)) {
        return; // Likewise.
    }
    if (unconfirmed_.contains(sandbox.id)) {
        auto closed = sandbox;
        closed.error = "the coordinator ended before its host had made it";
        return mark_destroyed(std::move(closed), nullptr);
    }
    if (sandbox.phase != Phase::lost) {
        spdlog::error("host {} has lost sandbox {}", sandbox.host.str(), sandbox.id.str());
        auto lost = sandbox;
        lost.phase = Phase::lost;
        lost.error = "host " + sandbox.host.str() + " does not have it any more";
        note_report(sandbox, lost);
        put(std::move(lost));
        dirty_.insert(sandbox.id);
    }
}

bool Core::apply(const common::HostName& host, const SandboxReport& report)
{
    const auto* found = fleet_.find(report.id);
    if (found != nullptr && found->phase != Phase::destroyed && is_left(*found, host)) {
        return false; // It has moved; what is left of it there is on its way out.
    }
    if (found == nullptr || (found->host != host && found->phase != Phase::destroyed)) {
        auto* known = fleet_.host(host);
        return known != nullptr && report.phase != Phase::destroyed &&
               known->unknown.size() < KnownHost::most_unknown &&
               known->unknown.insert(report.id).second && settle_orphan(*known, report);
    }
    if (found->phase == Phase::destroyed) {
        if (report.phase != Phase::destroyed) {
            spdlog::info(
                "host {} still has sandbox {}, which is destroyed", host.str(), report.id.str());
            destroy_remains(host, report.id, found->generation);
        }
        return false;
    }
    auto sandbox = *found;
    if (report.phase == Phase::destroyed) {
        if (sandbox.desired != Desired::destroyed) {
            missing(sandbox);
        }
        return false; // A destroy ends with its answer.
    }
    const auto current = lifecycle_of(report.id);
    const bool outdated = current && report.generation < sandbox.generation;
    if (!current && !moving_->is_moving(report.id)) {
        if (auto row = catch_up(sandbox, report, fleet_)) {
            reports_.emplace_back(*std::move(row)); // Written with what it tells of.
        }
    }
    fencing_->reported(sandbox, report);
    if (!is_half_made(report.phase)) {
        unconfirmed_.erase(report.id);
    }
    if (!outdated) {
        sandbox.phase = report.phase;
        if (!current && sandbox.desired != Desired::destroyed) {
            sandbox.desired = is_on(report.phase) ? Desired::running : Desired::stopped;
        }
        sandbox.error = report.error;
    }
    sandbox.ip = is_on(sandbox.phase) ? report.ip : "";
    const bool changed = sandbox.phase != found->phase || sandbox.ip != found->ip ||
                         sandbox.error != found->error || sandbox.desired != found->desired ||
                         sandbox.generation != found->generation;
    const bool wakes = found->phase != Phase::running && sandbox.phase == Phase::running;
    if (sandbox.phase != found->phase && !current && !report.fenced &&
        !moving_->is_moving(report.id)) {
        note_report(*found, sandbox);
    }
    if (changed) {
        put(std::move(sandbox));
    }
    if (wakes) {
        woken(report.id);
    }
    return changed;
}

void Core::on_status(const HostStatus& event)
{
    std::vector<Change> changes;
    if (apply(event.host, event.sandbox)) {
        changes.emplace_back(*fleet_.find(event.sandbox.id));
    }
    std::ranges::move(std::exchange(reports_, {}), std::back_inserter(changes));
    if (changes.empty()) {
        return link_.acknowledge(event.host, event.instance, event.seq);
    }
    save_outcome(std::move(changes),
                 [this, host = event.host, instance = event.instance, seq = event.seq](
                     const common::Result<>& saved) {
                     // Not saved: it is kept here and written again, so it may be
                     // acknowledged just as well; if this process ends first, an inventory
                     // follows.
                     static_cast<void>(saved);
                     link_.acknowledge(host, instance, seq);
                 });
}

void Core::on_answer(const HostAnswer& event)
{
    if (streams_->on_answer(event)) {
        return;
    }
    const auto found = pending_.find(event.operation);
    if (found == pending_.end() || found->second->host != event.host) {
        // Answered before, or none of this host's business. Or asked for by a coordinator that
        // has ended, and given up by this one.
        if (const auto* report = std::get_if<CheckpointReport>(&event.value); report != nullptr) {
            settle_late(event.host, *report);
        } else if (event.undone) {
            link_.request_sync(event.host); // Nobody else would tell that it is not there.
        }
        return;
    }
    const Op op = found->second;
    const common::WorkingOn now{op->caller.request, op->row.sandbox};
    if (event.error && event.error->code == ErrorCode::internal) {
        // What went wrong there is for whoever asked to know, and not this process's bug.
        auto told = event;
        told.error = Error{ErrorCode::unavailable,
                           "host " + event.host.str() + " failed: " + event.error->message,
                           "host_failed",
                           {},
                           event.error->details};
        return on_answer(told);
    }
    if (op->kind != Pending::Kind::run && !is_question(op->kind) && event.error &&
        event.error->code == ErrorCode::unavailable &&
        event.error->stable_reason() == "host_starting") {
        return; // Its inventory is on the way and has this sent again.
    }
    if (op->kind != Pending::Kind::run && event.error &&
        event.error->code == ErrorCode::unavailable && event.error->stable_reason() == "fenced" &&
        !event.undone) {
        return fencing_->refused(op);
    }
    switch (op->kind) {
    case Pending::Kind::create: return finish_create(op, event);
    case Pending::Kind::claim: return pooling_->finish_claim(op, event);
    case Pending::Kind::start:
    case Pending::Kind::pause:
    case Pending::Kind::suspend:
    case Pending::Kind::stop: return finish_lifecycle(op, event);
    case Pending::Kind::destroy: return finish_destroy(op, event);
    case Pending::Kind::restore: return finish_restore(op, event);
    case Pending::Kind::snapshot:
    case Pending::Kind::delete_snapshot:
    case Pending::Kind::verify_snapshot: return finish_checkpoint(op, event);
    case Pending::Kind::make_image:
    case Pending::Kind::remove_image: return imaging_->finish(op, event);
    case Pending::Kind::register_image:
    case Pending::Kind::fetch_image:
    case Pending::Kind::drop_image: return registry_->finish(op, event);
    case Pending::Kind::drop_replica: return replicating_->finish(op, event);
    case Pending::Kind::replicate: return; // Only its steps are asked for.
    case Pending::Kind::move:
    case Pending::Kind::offer_snapshot:
    case Pending::Kind::fetch_snapshot:
    case Pending::Kind::leave: return moving_->finish(op, event);
    case Pending::Kind::run: return finish_run(op, event);
    case Pending::Kind::read:
    case Pending::Kind::list_vms: break;
    }
    retire(op);
    if (op->kind == Pending::Kind::read) {
        const auto* reading = std::get_if<Reading>(&event.value);
        return op->read(reading != nullptr
                            ? common::Result<Reading>{*reading}
                            : event.error.value_or(Error{ErrorCode::internal, "nothing came"}));
    }
    const auto* vms = std::get_if<std::vector<ForeignVm>>(&event.value);
    if (event.error || vms == nullptr) {
        return op->listed(event.error.value_or(Error{ErrorCode::internal, "no list came"}));
    }
    op->listed(*vms);
}

void Core::on_displaced(const HostDisplaced& event)
{
    spdlog::warn("host {} connected twice with one key: the older connection was dropped",
                 event.host.str());
    if (auto* known = fleet_.host(event.host); known != nullptr) {
        if (auto row = audit_of_host(*known, "host.displace", {}); row) {
            save_outcome({*std::move(row)}, [](const common::Result<>&) {});
        }
    }
}

} // namespace coordinator
