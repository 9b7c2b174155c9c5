#pragma once

#include "common/result.hpp"
#include "hostd/core/storage.hpp"

#include <filesystem>
#include <string_view>
#include <sys/types.h>

namespace hostd::storage {

/// Writes a file whole and durable, or leaves what was there: a temporary file beside it, fsync,
/// rename, fsync of the folder.
common::Result<>
replace_durably(const std::filesystem::path& file, std::string_view text, mode_t mode);

/// Both in folders of one file system. What could not be made durable is renamed back: whoever is
/// told of a failure finds what was there before. Where that fails too, the new one stands, and is
/// told of as such. `not_found`.
common::Result<> rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

common::Result<> sync_file(const std::filesystem::path& file);
common::Result<> sync_folder(const std::filesystem::path& folder);

/// Makes a folder that QEMU's user passes through to the files it is given, and sees no others
/// of. `already_exists`.
common::Result<> make_folder(const std::filesystem::path& folder);

/// Removes a folder and all in it, following no links. Success if there is none.
common::Result<> remove_tree(const std::filesystem::path& folder);
/// Removes a file. Success if there is none.
common::Result<> remove_file(const std::filesystem::path& file);

/// What a file takes on disk: less than its size where it has holes.
common::Result<common::Bytes> allocated(const std::filesystem::path& file);

common::Result<DiskSpace> space_of(const std::filesystem::path& folder);

/// `resource_exhausted` (reason disk_full) if less than `reserve` would be left on the folder's
/// file system after `more` is written.
common::Result<> keep_reserve(const std::filesystem::path& folder,
                              common::Bytes reserve,
                              common::Bytes more = common::Bytes{0});

} // namespace hostd::storage
