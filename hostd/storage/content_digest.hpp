#pragma once

#include "common/result.hpp"
#include "hostd/storage/file_stamp.hpp"

#include <filesystem>
#include <string>

namespace hostd::storage {

/// SHA-256 (hex) of a file's content that does not read its holes: over each block of 64 KiB that
/// is not all zeros, as its offset (8 bytes, little endian) and its bytes, and then over the size
/// of the file (8 bytes). Holes and written zeros are equal, so it survives a copy of either kind.
common::Result<std::string> content_digest(const std::filesystem::path& file);

/// Of a file that nobody writes to any more, made durable.
common::Result<FileStamp> stamp_and_sync(const std::filesystem::path& file);

} // namespace hostd::storage
