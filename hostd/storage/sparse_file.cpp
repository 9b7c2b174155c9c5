#include "hostd/storage/sparse_file.hpp"

#include "hostd/core/blob.hpp"
#include "hostd/storage/checkpoint_manifest.hpp"
#include "hostd/storage/durable.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

namespace hostd::storage {

using common::Result;

Result<SparseFile>
SparseFile::create(const std::filesystem::path& path, mode_t mode, common::Bytes size)
{
    common::UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
    if (!file) {
        return file_error("create", path, errno);
    }
    return SparseFile{std::move(file), path, size.count()};
}

Result<> SparseFile::append(std::string_view bytes)
{
    constexpr std::uint64_t block = 4096; // The least that a file system leaves out.
    if (bytes.size() > size_ - at_) {
        return checkpoint_damaged(path_.filename(), "more of it came than was offered");
    }
    std::size_t data = 0; // Where what is not written yet begins.
    for (std::size_t i = 0; i < bytes.size();) {
        const auto length = std::min<std::uint64_t>(block - (at_ + i) % block, bytes.size() - i);
        if (is_all_zeros(bytes.substr(i, length))) {
            COMMON_CHECK(write(bytes.substr(data, i - data), at_ + data));
            data = i + length;
        }
        i += length;
    }
    COMMON_CHECK(write(bytes.substr(data), at_ + data));
    at_ += bytes.size();
    return {};
}

Result<> SparseFile::write(std::string_view bytes, std::uint64_t offset) const
{
    while (!bytes.empty()) {
        const auto count =
            ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return file_error("write", path_, count < 0 ? errno : ENOSPC);
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
    return {};
}

Result<> SparseFile::finish()
{
    if (at_ != size_) {
        return checkpoint_damaged(path_.filename(), "less of it came than was offered");
    }
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
        return file_error("set the size of", path_, errno);
    }
    return {};
}

} // namespace hostd::storage
