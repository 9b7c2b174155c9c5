#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <filesystem>
#include <string_view>
#include <sys/types.h>

namespace common::files {

/// ENOSPC and EDQUOT are `resource_exhausted` (reason disk_full), all else `internal`.
Error file_error(std::string_view attempt, const std::filesystem::path& path, int error);

/// All of `bytes` to an open file; `path` is what an error calls it.
Result<> write_all(int file, std::string_view bytes, const std::filesystem::path& path);

/// Writes a file whole and durable, or leaves what was there: a temporary file beside it, fsync,
/// rename, fsync of the folder.
Result<> replace_durably(const std::filesystem::path& file, std::string_view text, mode_t mode);

/// Both in folders of one file system. What could not be made durable is renamed back: whoever is
/// told of a failure finds what was there before. Where that fails too, the new one stands, and is
/// told of as such. `not_found`.
Result<> rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// A secret that root has made for a daemon: where the folder is another group's, that group may
/// read the file (root:GROUP, 0640), and nobody else. Nothing where it is not, or for others.
Result<> let_folders_group_read(const std::filesystem::path& file);

Result<> sync_file(const std::filesystem::path& file);
Result<> sync_folder(const std::filesystem::path& folder);

/// Removes a folder and all in it, following no links. Success if there is none.
Result<> remove_tree(const std::filesystem::path& folder);
/// Removes a file. Success if there is none.
Result<> remove_file(const std::filesystem::path& file);

/// What a file takes on disk: less than its size where it has holes.
Result<Bytes> allocated(const std::filesystem::path& file);

} // namespace common::files
