#pragma once

#include "common/digest/digest.hpp"
#include "guest/files/reader.hpp"

namespace guest::files {

struct FileHash {
    common::digest::Sha256 sha256{};
    std::uint64_t size = 0; ///< Of the bytes that were hashed.
};

/// Of all bytes of a file, in constant memory. `failed_precondition` with reason file_changed
/// if somebody wrote to it meanwhile: there is nothing then that has this hash. `too_large`: a file
/// of nothing but holes has any size, and takes its time.
common::Result<FileHash> hash(const PathPolicy& policy,
                              std::string_view path,
                              std::uint64_t bytes_at_most = std::uint64_t{64} << 30U);

} // namespace guest::files
