#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace hostd::storage {

/// What of a qcow2 header says where a file stands (QEMU's docs/interop/qcow2.txt).
struct Qcow2Header {
    std::filesystem::path backing; ///< As written there; empty without one.
    std::uint64_t virtual_bytes = 0;
};

/// So much of a file's beginning is enough: header, extensions and the backing file's name are
/// written together, and the name has at most 1023 bytes.
inline constexpr std::size_t qcow2_header_bytes = 16384;

/// Reads the beginning of a file. QEMU writes these files, and a guest may have taken over its
/// QEMU: whatever is not plainly an overlay as we make them is `failed_precondition` (reason
/// disk_damaged). A backing file must be declared as qcow2. Pure.
common::Result<Qcow2Header> parse_qcow2_header(std::string_view bytes);

/// Likewise, of a regular file; opens no other and takes no lock, so QEMU may be writing to it.
common::Result<Qcow2Header> read_qcow2_header(const std::filesystem::path& file);

} // namespace hostd::storage
