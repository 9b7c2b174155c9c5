// Memory that is put away, and loaded again.
#include "hostd/core/state_keeper.hpp"

#include "common/log/log.hpp"
#include "common/rollback.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;
using Memory = CaptureRequest::Memory;

Result<> StateKeeper::suspend(const SandboxStatus& source, bool frozen)
{
    const auto& id = source.spec.id;
    const bool ran = source.phase == Phase::running;
    const auto incarnation = source.incarnation;
    COMMON_CHECK(file_systems_.thaw(id));
    COMMON_CHECK(hypervisor_.bring_disk_into_step(id, incarnation)); // Its memory goes with it.
    COMMON_TRY(auto* const engine, engines_.current());
    auto checkpoint = describe(source, *engine);
    checkpoint.has_memory = true;
    checkpoint.frozen = frozen;
    COMMON_TRY(checkpoint.files, checkpoints_.begin_suspended(id, source.spec.memory));
    common::Rollback undo;
    undo.add([this, &id] { warn(checkpoints_.drop_suspended(id), "drop a state of " + id.str()); });
    if (ran) {
        COMMON_CHECK(checkpoints_.mark_moving(id));
        undo.add([this, &id] { unmark_if_it_runs(id); });
    }
    auto captured = engine->capture(
        {id, Memory::with, checkpoint.files, std::nullopt, CaptureRequest::Then::stay_paused});
    if (captured.error) {
        return *std::move(captured.error);
    }
    if (ran) { // From here on it stands still, and has to be let go on if anything fails.
        undo.add([this, &id, incarnation] {
            warn(hypervisor_.go_on(id, incarnation), "let " + id.str() + " go on");
        });
    }
    checkpoint.paused = captured.paused;
    COMMON_TRY(checkpoint.top, look_of_top(id));
    COMMON_CHECK(checkpoints_.commit_suspended(std::move(checkpoint)));
    undo.commit();
    return end_suspended(id, incarnation, ran);
}

/// Its state is on disk. If its domain does not end, that is taken back; if nobody knows, both
/// stay, and the next look decides: what lives is newer.
Result<>
StateKeeper::end_suspended(const common::SandboxId& id, std::uint64_t incarnation, bool ran)
{
    auto killed = hypervisor_.kill(id);
    if (killed) {
        checkpoints_.unmark_moving(id);
        return {};
    }
    const auto now = hypervisor_.find(id);
    if (now && (now->state == DomainState::stopped || now->state == DomainState::crashed)) {
        checkpoints_.unmark_moving(id);
        return {};
    }
    if (now && is_active(now->state)) {
        if (ran) {
            warn(hypervisor_.go_on(id, incarnation), "let " + id.str() + " go on");
            unmark_if_it_runs(id);
        }
        warn(checkpoints_.drop_suspended(id), "drop a state of " + id.str());
    }
    return killed;
}

bool StateKeeper::is_put_away(const common::SandboxId& id) const
{
    const auto checkpoint = checkpoints_.find_suspended(id);
    const auto top = look_of_top(id);
    return checkpoint && top && *top == checkpoint->top;
}

Result<> StateKeeper::resume(const common::SandboxId& id)
{
    COMMON_TRY(const auto checkpoint, checkpoints_.find_suspended(id));
    COMMON_TRY(auto* const engine, engines_.of(checkpoint.engine));
    COMMON_TRY(auto record, hypervisor_.find(id));
    COMMON_TRY(record.files.overlay, hypervisor_.top_of(id));
    COMMON_TRY(const auto top, look_of_top(id));
    if (top != checkpoint.top) {
        return Error{ErrorCode::failed_precondition,
                     "the disk of " + id.str() +
                         " is not what it was when its memory was put "
                         "away: stop it, which drops that memory, and start it",
                     "state_incompatible"};
    }
    COMMON_CHECK(checkpoints_.mark_moving(id));
    auto loaded = engine->load({record, checkpoint.files});
    if (loaded || loaded.error().reason != left_behind) {
        checkpoints_.unmark_moving(id);
    }
    if (loaded) {
        // QEMU holds its memory by descriptor: the name is not needed any more.
        warn(checkpoints_.drop_suspended(id), "drop the state that " + id.str() + " runs on from");
    }
    return loaded;
}

void StateKeeper::forget_suspended(const common::SandboxId& id)
{
    if (checkpoints_.is_suspended(id)) {
        warn(checkpoints_.drop_suspended(id), "drop an outlived state of " + id.str());
    }
}

} // namespace hostd
