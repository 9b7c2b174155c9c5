#pragma once

#include "common/result.hpp"
#include "hostd/libvirt/engine_steps.hpp"

#include <filesystem>
#include <functional>
#include <libvirt/libvirt.h>
#include <optional>

namespace hostd::libvirt {

/// What one external snapshot of libvirt's takes of a domain that runs or is paused.
struct SnapshotParts {
    /// libvirt's save image: the guest stands still while it is written.
    std::optional<std::filesystem::path> memory;
    /// A file that exists, and is written to from then on.
    std::optional<std::filesystem::path> new_top;
};

/// All of it or nothing, at one instant; libvirt remembers nothing of it. The guest is afterwards
/// as it was. `resource_exhausted` (disk_full).
common::Result<> take_snapshot(virDomainPtr domain, const SnapshotParts& parts);

/// Calls `write`, which lets libvirt write the memory of a guest. QEMU does that for a paused one
/// once, and not again before it went on: such a guest runs for about a millisecond here, and is
/// paused again.
common::Result<>
write_memory(virDomainPtr domain, Life life, const std::function<common::Result<>()>& write);

/// The last error of a call that lets libvirt write a file: a full disk has no code there.
common::Error last_error_of_writing();

} // namespace hostd::libvirt
