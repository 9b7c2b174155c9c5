#pragma once

#include "hostd/core/fence.hpp"
#include "hostd/core/file_system_freeze.hpp"
#include "hostd/core/lease_book.hpp"
#include "hostd/core/state_engine.hpp"
#include "hostd/core/storage.hpp"
#include "hostd/core/uplink.hpp"

namespace hostd {

/// The steps that capture and load the sandboxes of this host. Blocking: for worker threads;
/// calls for one sandbox do not overlap. After a failed step the sandbox is what it was, and
/// nothing is left of what was begun.
class StateKeeper {
public:
    StateKeeper(Hypervisor& hypervisor,
                const ImageStore& images,
                const SandboxStore& store,
                CheckpointStore& checkpoints,
                LeaseBook& leases,
                StateEngines& engines,
                const common::Clock& clock,
                HeldGuests& held)
        : hypervisor_{hypervisor},
          images_{images},
          store_{store},
          checkpoints_{checkpoints},
          leases_{leases},
          engines_{engines},
          clock_{clock},
          held_{held},
          file_systems_{hypervisor, checkpoints}
    {}

    /// A checkpoint in the making.
    struct Draft {
        Checkpoint checkpoint;
        Branch branch;
        std::filesystem::path old_top;
        StateEngine* engine = nullptr;
        bool ran = false; ///< Its guest runs, and is to run on.
        bool branched = false;
        bool unsure = false;
    };

    /// All that can be done while the guest runs on.
    common::Result<Draft> prepare(const SnapshotCommand& command, const SandboxStatus& source);
    /// The guest stands still for this, frozen or not; where it is for its disk alone and
    /// qemu-guest-agent is in it, its file systems are frozen around it. On failure nothing is left
    /// of the draft.
    common::Result<> capture(Draft& draft);
    /// Nobody froze the guest, or the checkpoint is not wanted any more.
    void abandon(const Draft& draft);
    common::Result<Checkpoint> commit(Draft draft);

    /// Memory to disk, then the domain ends. `frozen`: the guest's processes stand still.
    common::Result<> suspend(const SandboxStatus& source, bool frozen);
    /// Of one without a QEMU: its memory is on disk, and its disk is still the one of then.
    [[nodiscard]] bool is_put_away(const common::SandboxId& id) const;
    /// The domain of a suspended sandbox runs on.
    common::Result<> resume(const common::SandboxId& id);
    /// It lives, or was stopped: what it may still be resumed from is older than that.
    void forget_suspended(const common::SandboxId& id);

    struct Restored {
        DomainRecord domain; ///< What the sandbox is from now on.
        bool with_memory = false;
    };
    /// The sandbox is what the checkpoint holds: its domain runs on from there, or is stopped, on
    /// the disk of then. finish_restore() is to follow.
    common::Result<Restored> restore(const RestoreCommand& command, std::uint64_t generation);
    /// What the sandbox was before goes. May be repeated.
    common::Result<> finish_restore(const Restored& restored);

    /// Of one with a QEMU: if its disk lies on more than `most` files, it lies on its image alone
    /// from now on. What a checkpoint or a clone lies on is left as it is.
    common::Result<> keep_shallow(const common::SandboxId& id, std::size_t most);

    /// At start: what a hostd that ended in the middle left of one sandbox. `records`: every
    /// domain it has. Gives the one that counts. `unavailable` (fenced): nothing is done about a
    /// guest that would go on, and may not.
    common::Result<DomainRecord> settle(std::vector<DomainRecord> records);
    /// A guest that stood still for the fence alone goes on.
    common::Result<> lift(const common::SandboxId& id, std::uint64_t incarnation);
    /// At each look: file systems that a capture has left frozen take writes again.
    void thaw_what_is_left(const common::SandboxId& id);

private:
    common::Result<> capture_as_it_is(Draft& draft);
    common::Result<Restored>
    restore_memory(DomainRecord now, const Checkpoint& checkpoint, std::uint64_t generation);
    common::Result<Restored> restore_disk(DomainRecord now, const Checkpoint& checkpoint);
    common::Result<DomainRecord> alone(const common::SandboxId& id);
    common::Result<>
    end_suspended(const common::SandboxId& id, std::uint64_t incarnation, bool ran);
    void unmark_if_it_runs(const common::SandboxId& id);
    static void warn(const common::Result<>& result, std::string_view attempt);
    common::Result<std::string> look_of_top(const common::SandboxId& id) const;
    Checkpoint describe(const SandboxStatus& source, const StateEngine& engine) const;

    Hypervisor& hypervisor_;
    const ImageStore& images_;
    const SandboxStore& store_;
    CheckpointStore& checkpoints_;
    LeaseBook& leases_;
    StateEngines& engines_;
    const common::Clock& clock_;
    HeldGuests& held_;
    FileSystemFreeze file_systems_;
};

} // namespace hostd
