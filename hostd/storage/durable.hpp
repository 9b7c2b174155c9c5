#pragma once

#include "common/files/durable.hpp"
#include "hostd/core/storage.hpp"

#include <cstdint>
#include <filesystem>
#include <span>

namespace hostd::storage {

using common::files::allocated;
using common::files::file_error;
using common::files::remove_file;
using common::files::remove_tree;
using common::files::rename_durably;
using common::files::replace_durably;
using common::files::sync_file;
using common::files::sync_folder;
using common::files::write_all;

/// Makes a folder that QEMU's user passes through to the files it is given, and sees no others
/// of. `already_exists`.
common::Result<> make_folder(const std::filesystem::path& folder);

common::Result<DiskSpace> space_of(const std::filesystem::path& folder);

/// `resource_exhausted` (reason disk_full) if less than `reserve` would be left on the folder's
/// file system after `more` is written.
common::Result<> keep_reserve(const std::filesystem::path& folder,
                              common::Bytes reserve,
                              common::Bytes more = common::Bytes{0});

/// Fills `bytes` from `offset`, below 2^62; less only at the end of the file.
common::Result<std::size_t> read_at(int file, std::span<char> bytes, std::uint64_t offset);

} // namespace hostd::storage
