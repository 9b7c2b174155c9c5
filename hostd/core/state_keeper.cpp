#include "hostd/core/state_keeper.hpp"

#include "common/log/log.hpp"
#include "common/rollback.hpp"

#include <algorithm>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;
using Memory = CaptureRequest::Memory;

void StateKeeper::warn(const Result<>& result, std::string_view attempt)
{
    if (!result) {
        spdlog::warn("ignoring: {}: {}", attempt, result.error().message);
    }
}

Checkpoint StateKeeper::describe(const SandboxStatus& source, const StateEngine& engine) const
{
    Checkpoint checkpoint;
    checkpoint.spec = source.spec;
    checkpoint.agent = source.agent;
    checkpoint.engine = engine.kind();
    checkpoint.created_at = clock_.wall();
    if (auto facts = hypervisor_.facts()) {
        checkpoint.hypervisor = *std::move(facts);
    }
    return checkpoint;
}

Result<StateKeeper::Draft> StateKeeper::prepare(const SnapshotCommand& command,
                                                const SandboxStatus& source)
{
    const auto& id = source.spec.id;
    COMMON_CHECK(file_systems_.thaw(id)); // It would be captured as it is.
    Draft draft;
    COMMON_TRY(draft.engine, engines_.current());
    draft.checkpoint = describe(source, *draft.engine);
    draft.checkpoint.id = command.snapshot;
    draft.checkpoint.name = command.name;
    draft.checkpoint.parent = command.parent;
    draft.checkpoint.has_memory = command.memory;
    draft.ran = source.phase == Phase::running;
    COMMON_TRY(draft.checkpoint.files,
               checkpoints_.begin(command.snapshot,
                                  command.memory ? source.spec.memory : common::Bytes{}));
    common::Rollback undo;
    undo.add([this, &command] { checkpoints_.discard(command.snapshot); });
    COMMON_CHECK(hypervisor_.bring_disk_into_step(id, source.incarnation));
    COMMON_TRY(draft.old_top, hypervisor_.top_of(id));
    COMMON_TRY(draft.branch, checkpoints_.branch(id, draft.old_top));
    draft.checkpoint.layer = draft.branch.layer;
    undo.commit();
    return draft;
}

Result<> StateKeeper::capture(Draft& draft)
{
    const auto& checkpoint = draft.checkpoint;
    if (!draft.ran || checkpoint.has_memory || checkpoint.agent != AgentKind::qemu) {
        return capture_as_it_is(draft);
    }
    const auto& id = checkpoint.spec.id;
    const auto begun = clock_.steady();
    if (auto frozen = file_systems_.freeze(id); !frozen) {
        abandon(draft);
        return frozen;
    }
    auto captured = capture_as_it_is(draft);
    thaw_what_is_left(id);
    // Who writes has waited for all of it, its CPUs for a part.
    draft.checkpoint.paused =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - begun);
    return captured;
}

void StateKeeper::thaw_what_is_left(const common::SandboxId& id)
{
    if (const auto thawed = file_systems_.thaw(id); !thawed) {
        spdlog::error("the file systems of {} stay frozen: {}; trying again",
                      id.str(),
                      thawed.error().message);
    }
}

Result<> StateKeeper::capture_as_it_is(Draft& draft)
{
    const auto& id = draft.checkpoint.spec.id;
    if (auto marked = draft.ran ? checkpoints_.mark_moving(id) : Result<>{}; !marked) {
        abandon(draft);
        return marked;
    }
    auto captured =
        draft.engine->capture({id,
                               draft.checkpoint.has_memory ? Memory::with : Memory::without,
                               draft.checkpoint.files,
                               draft.branch.new_top,
                               CaptureRequest::Then::go_on});
    if (captured.error && draft.ran) {
        unmark_if_it_runs(id);
    } else {
        checkpoints_.unmark_moving(id);
    }
    draft.branched = captured.branched;
    draft.unsure = captured.unsure;
    draft.checkpoint.paused = captured.paused;
    for (const auto& [step, took] : captured.timings) {
        spdlog::debug("checkpoint of {}: {} {} us", id.str(), step, took.count());
    }
    if (captured.error) {
        abandon(draft);
        return *std::move(captured.error);
    }
    return {};
}

void StateKeeper::abandon(const Draft& draft)
{
    checkpoints_.discard(draft.checkpoint.id);
    if (draft.unsure) {
        // Hypervisor::bring_disk_into_step() finds out, and the sweep removes the other.
        return checkpoints_.leave(draft.branch);
    }
    if (draft.branched) {
        warn(checkpoints_.settle(draft.branch, draft.old_top), "settle a branch");
    } else {
        warn(checkpoints_.unbranch(draft.branch), "take a branch back");
    }
}

Result<Checkpoint> StateKeeper::commit(Draft draft)
{
    auto settled = checkpoints_.settle(draft.branch, draft.old_top);
    if (!settled) {
        checkpoints_.discard(draft.checkpoint.id);
        return std::move(settled).error();
    }
    const auto id = draft.checkpoint.id;
    auto committed = checkpoints_.commit(std::move(draft.checkpoint));
    if (!committed) {
        checkpoints_.discard(id);
    }
    return committed;
}

/// Otherwise the mark stays, and whoever looks next lets it go on.
void StateKeeper::unmark_if_it_runs(const common::SandboxId& id)
{
    if (const auto now = hypervisor_.find(id); now && now->state != DomainState::paused) {
        checkpoints_.unmark_moving(id);
    }
}

Result<std::string> StateKeeper::look_of_top(const common::SandboxId& id) const
{
    COMMON_TRY(const auto top, hypervisor_.top_of(id));
    return checkpoints_.look_of(top);
}

Result<> StateKeeper::keep_shallow(const common::SandboxId& id, std::size_t most)
{
    constexpr std::chrono::minutes patience{1}; // Nothing else is done with it meanwhile.
    COMMON_TRY(const auto top, hypervisor_.top_of(id));
    COMMON_TRY(const auto chain, checkpoints_.chain_below(top));
    if (chain.files <= most) {
        return {};
    }
    COMMON_CHECK(checkpoints_.has_room(chain.between));
    COMMON_CHECK(hypervisor_.pull_down_to(id, chain.base, patience));
    COMMON_TRY(const auto now, checkpoints_.chain_below(top));
    if (now.files > 1) {
        return Error{ErrorCode::internal,
                     "its disk still lies on " + std::to_string(now.files - 1) + " layers"};
    }
    spdlog::info("{} lay on {} layers: it lies on its image now", id.str(), chain.files - 1);
    return {};
}

Result<StateKeeper::Restored> StateKeeper::restore(const RestoreCommand& command,
                                                   std::uint64_t generation)
{
    COMMON_TRY(const auto checkpoint, checkpoints_.find(command.snapshot));
    if (checkpoint.spec.id != command.id) {
        return Error{ErrorCode::not_found,
                     command.snapshot.str() + " is no checkpoint of " + command.id.str()};
    }
    COMMON_TRY(auto now, alone(command.id));
    return checkpoint.has_memory ? restore_memory(std::move(now), checkpoint, generation)
                                 : restore_disk(std::move(now), checkpoint);
}

/// The domain of a sandbox that has no other: what an earlier restore has left must be gone first.
Result<DomainRecord> StateKeeper::alone(const common::SandboxId& id)
{
    COMMON_TRY(auto all, hypervisor_.all_of(id));
    if (all.empty()) {
        return Error{ErrorCode::not_found, id.str() + " has no domain"};
    }
    if (all.size() == 1) {
        return std::move(all.front());
    }
    COMMON_TRY(auto counts, settle(std::move(all)));
    COMMON_CHECK(hypervisor_.keep_only(id, counts.incarnation));
    return counts;
}

Result<StateKeeper::Restored> StateKeeper::restore_memory(DomainRecord now,
                                                          const Checkpoint& checkpoint,
                                                          std::uint64_t generation)
{
    const auto id = now.sandbox.id;
    COMMON_TRY(auto* const engine, engines_.of(checkpoint.engine));
    COMMON_TRY(const auto image, images_.find(checkpoint.spec.image));
    const bool alive = is_active(now.state);
    COMMON_CHECK(hypervisor_.bring_disk_into_step(id, now.incarnation));
    auto next = now;
    ++next.incarnation;
    next.generation = std::max(generation, now.generation);
    next.files = store_.files_of(id, next.incarnation);
    COMMON_TRY(next.files.overlay, checkpoints_.overlay_on(id, checkpoint.layer));
    common::Rollback undo;
    undo.add([overlay = next.files.overlay] {
        std::error_code ignored; // The sweep finds it again.
        std::filesystem::remove(overlay, ignored);
    });
    COMMON_TRY(next.net, leases_.add_tap(id, next.incarnation));
    undo.add([this, id, net = now.net] { warn(leases_.keep_tap(id, net), "forget a tap"); });
    COMMON_CHECK(checkpoints_.mark_moving(id));
    undo.add([this, id] { unmark_if_it_runs(id); });
    const LoadRequest request{next, checkpoint.files, image};
    auto loaded = alive ? engine->replace(request) : engine->load(request);
    if (!loaded && loaded.error().reason == left_behind) {
        undo.commit(); // It may be there: the next look finds out, see settle().
    }
    COMMON_CHECK(std::move(loaded));
    undo.commit();
    // From here on the new one counts, also if nothing more can be done about the old one.
    checkpoints_.unmark_moving(id);
    leases_.use_tap(id, next.net);
    return Restored{std::move(next), true};
}

Result<StateKeeper::Restored> StateKeeper::restore_disk(DomainRecord now,
                                                        const Checkpoint& checkpoint)
{
    const auto id = now.sandbox.id;
    COMMON_TRY(now.files.overlay, checkpoints_.overlay_on(id, checkpoint.layer));
    COMMON_CHECK(hypervisor_.kill(id));
    // Before its disk is another one, which that memory does not belong to.
    COMMON_CHECK(checkpoints_.drop_suspended(id));
    COMMON_CHECK(hypervisor_.set_top(id, now.files.overlay));
    now.state = DomainState::stopped;
    return Restored{std::move(now), false};
}

Result<> StateKeeper::finish_restore(const Restored& restored)
{
    const auto& id = restored.domain.sandbox.id;
    if (restored.with_memory) {
        COMMON_CHECK(hypervisor_.keep_only(id, restored.domain.incarnation));
        warn(leases_.keep_tap(id, restored.domain.net), "forget a tap");
    }
    return checkpoints_.drop_suspended(id);
}

Result<> StateKeeper::lift(const common::SandboxId& id, std::uint64_t incarnation)
{
    held_.let_go(id);
    if (!checkpoints_.is_moving(id)) {
        return hypervisor_.go_on(id, incarnation);
    }
    COMMON_TRY(auto all, hypervisor_.all_of(id)); // A capture or a load of it was cut short.
    if (all.empty()) {
        return Error{ErrorCode::not_found, id.str() + " has no domain"};
    }
    COMMON_CHECK(settle(std::move(all)));
    return {};
}

/// Of two incarnations the new one counts, but for one case: a restore that is marked as not done
/// and whose new domain does not run.
Result<DomainRecord> StateKeeper::settle(std::vector<DomainRecord> records)
{
    std::ranges::sort(records, {}, &DomainRecord::incarnation);
    auto counts = records.back();
    const auto id = counts.sandbox.id;
    const bool moving = checkpoints_.is_moving(id);
    if (records.size() > 1 && moving && counts.state != DomainState::running) {
        const auto older = std::ranges::find_if(
            records, [](const DomainRecord& record) { return is_active(record.state); });
        counts = older != records.end() ? *older : records.front();
    }
    if (counts.state == DomainState::paused && moving && held_.stays(id)) {
        return fenced_error(FenceAction::pause);
    }
    if (counts.state == DomainState::paused && moving) {
        spdlog::warn("{} was paused only to be captured or loaded: it goes on", id.str());
        COMMON_CHECK(hypervisor_.go_on(id, counts.incarnation));
        counts.state = DomainState::running;
    }
    if (records.size() > 1) {
        spdlog::warn("{} has {} domains: a restore was cut short; keeping {}",
                     id.str(),
                     records.size(),
                     counts.domain_name);
    }
    // libvirt 9 locks a domain whose load it died in until it is started again: the one that counts
    // does not wait for that. The mark says which it is as long as both are there.
    if (auto alone = hypervisor_.keep_only(id, counts.incarnation); alone) {
        checkpoints_.unmark_moving(id);
    } else {
        warn(alone, "remove what a restore of " + id.str() + " has left");
    }
    if (lives(counts.state)) {
        COMMON_CHECK(checkpoints_.drop_suspended(id)); // What lives is newer.
    }
    return counts;
}

} // namespace hostd
