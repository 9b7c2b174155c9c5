#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

#include <filesystem>
#include <string_view>
#include <sys/types.h>

namespace hostd::storage {

/// A file that is written from its beginning to its end, with a hole for each block of zeros.
class SparseFile {
public:
    /// It must not be there. `size`: what it is to have in the end.
    static common::Result<SparseFile>
    create(const std::filesystem::path& path, mode_t mode, common::Bytes size);

    /// `failed_precondition` (checkpoint_damaged) for more than its size.
    common::Result<> append(std::string_view bytes);
    /// Likewise for less. Not synced.
    common::Result<> finish();

private:
    SparseFile(common::UniqueFd file, std::filesystem::path path, std::uint64_t size)
        : file_{std::move(file)}, path_{std::move(path)}, size_{size}
    {}
    [[nodiscard]] common::Result<> write(std::string_view bytes, std::uint64_t offset) const;

    common::UniqueFd file_;
    std::filesystem::path path_;
    std::uint64_t size_;
    std::uint64_t at_ = 0;
};

} // namespace hostd::storage
