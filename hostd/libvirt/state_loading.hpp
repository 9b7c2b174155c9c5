#pragma once

#include "common/result.hpp"
#include "hostd/core/state_engine.hpp"
#include "hostd/libvirt/our_domains.hpp"

#include <filesystem>
#include <string>

namespace hostd::libvirt {

/// At random, version 4.
std::string fresh_uuid();

common::Result<std::string> read_file(const std::filesystem::path& file);
/// Readable by us alone. `resource_exhausted` (disk_full).
common::Result<> write_file(const std::filesystem::path& file, std::string_view content);

/// A paused domain of this XML in the state of `files`. `image` is written for libvirt, and gone
/// afterwards. `failed_precondition` (state_incompatible) if QEMU does not take the state.
common::Result<Domain> load_paused(virConnectPtr connection,
                                   const std::string& domain_xml,
                                   const StateFiles& files,
                                   const std::filesystem::path& image);

/// The domain `name` of a save image, paused: as the image describes it, or as the XML `becomes`
/// does, though libvirt changes nothing of what its guest sees, nor its name and UUID.
/// `failed_precondition` (state_incompatible) if QEMU does not take the state.
common::Result<Domain> restore_paused(virConnectPtr connection,
                                      const std::filesystem::path& image,
                                      const std::string& name,
                                      const char* becomes);

} // namespace hostd::libvirt
