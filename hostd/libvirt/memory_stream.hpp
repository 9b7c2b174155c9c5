#pragma once

#include "common/result.hpp"
#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/qemu/migration_stream.hpp"

#include <chrono>
#include <libvirt/libvirt.h>

namespace hostd::libvirt {

/// How long QEMU may take for one stream before it is cancelled.
inline constexpr auto stream_patience = std::chrono::seconds{120};

/// QEMU writes as fast as it can while this lives: a guest that stands still has nothing to gain
/// from the default of a network's speed. Made before the guest is paused, and taken back after.
class FullSpeed {
public:
    explicit FullSpeed(virDomainPtr domain);
    ~FullSpeed();
    FullSpeed(const FullSpeed&) = delete;
    FullSpeed& operator=(const FullSpeed&) = delete;

private:
    virDomainPtr domain_;
    std::uint64_t before_ = 0;
};

/// QEMU refuses to migrate a guest that was migrated away and never went on, as one that was
/// captured while paused. Only going on ends that: such a guest runs for about a millisecond here,
/// and is paused again. Its next capture is of that later moment.
common::Result<> make_migratable(virDomainPtr paused);

/// Migrates a paused guest into `memory` and a device stream that a QEMU with the RAM block
/// `loaded_ram` loads. On failure nothing of it goes on, and the guest can still be resumed.
/// Blocking, bounded by `stream_patience`; a thread of its own reads meanwhile.
common::Result<qemu::Split> stream_out(virDomainPtr paused, int memory, const RamBlock& ram);

} // namespace hostd::libvirt
