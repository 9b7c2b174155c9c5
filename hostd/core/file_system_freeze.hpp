#pragma once

#include "hostd/core/checkpoint_store.hpp"
#include "hostd/core/hypervisor.hpp"

namespace hostd {

/// The file systems of a guest with qemu-guest-agent are written out and take no writes for as
/// long as its disk is captured: its programs run on, and wait where they write. Blocking, within a
/// minute at worst: for worker threads; calls for one sandbox do not overlap.
class FileSystemFreeze {
public:
    FileSystemFreeze(Hypervisor& hypervisor, CheckpointStore& checkpoints)
        : hypervisor_{hypervisor}, checkpoints_{checkpoints}
    {}

    /// `unavailable` (guest_not_frozen) if its agent does not do it in time. A thaw is to follow,
    /// whatever becomes of the capture.
    common::Result<> freeze(const common::SandboxId& id);

    /// Ends what a freeze has begun, also one of a hostd that has ended: a mark beside the disk
    /// tells. Success if there is nothing to end, or not before the guest runs. Otherwise it is to
    /// be tried again, until it is done.
    common::Result<> thaw(const common::SandboxId& id);

private:
    Hypervisor& hypervisor_;
    CheckpointStore& checkpoints_;
};

} // namespace hostd
