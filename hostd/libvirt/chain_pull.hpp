#pragma once

#include "common/result.hpp"

#include <chrono>
#include <filesystem>
#include <libvirt/libvirt.h>

namespace hostd::libvirt {

/// Copies into the file that a live domain writes to whatever it reads from files between that and
/// `base`, which it lies on afterwards; the guest goes on meanwhile. Those between are only read.
/// Waits for the end; over `patience` it is given up, and the chain is as it was. Whether it ended
/// well stands in the header of the file. `resource_exhausted` (disk_full).
common::Result<> pull_down_to(virDomainPtr domain,
                              const std::filesystem::path& base,
                              std::chrono::milliseconds patience);

} // namespace hostd::libvirt
