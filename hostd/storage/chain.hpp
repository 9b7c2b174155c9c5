#pragma once

#include "hostd/storage/layout.hpp"
#include "hostd/storage/qcow2_header.hpp"

#include <vector>

namespace hostd::storage {

/// Files in a chain, the image's included. QEMU opens all of them, and looks through all of them
/// for what nobody has written.
inline constexpr std::size_t longest_chain = 60;

/// A disk and all that it lies on, the topmost first. Nothing is opened that is not an overlay, a
/// layer or an image's disk below this state_dir, whatever a header says: such a chain, one that
/// goes on for too long and one that cannot be read are `failed_precondition` (reason
/// disk_damaged). An image's disk ends it unread; a missing one is damage too.
common::Result<std::vector<std::filesystem::path>> chain_of(const Layout& layout,
                                                            const std::filesystem::path& top);

/// Every layer, by the form of its name.
common::Result<std::vector<std::filesystem::path>> layers_in(const Layout& layout);
/// Every file that a sandbox's folder has for an overlay; all folders count.
common::Result<std::vector<std::filesystem::path>> overlays_in(const Layout& layout);
common::Result<std::vector<std::filesystem::path>> overlays_of(const Layout& layout,
                                                               const common::SandboxId& id);

} // namespace hostd::storage
