#include "hostd/storage/durable.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace hostd::storage {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;

Result<> make_folder(const std::filesystem::path& folder)
{
    if (::mkdir(folder.c_str(), 0711) == 0) {
        return {};
    }
    if (errno == EEXIST) {
        return Error{ErrorCode::already_exists, folder.string() + " exists already"};
    }
    return file_error("make folder", folder, errno);
}

Result<DiskSpace> space_of(const std::filesystem::path& folder)
{
    struct statvfs about {};
    if (::statvfs(folder.c_str(), &about) != 0) {
        return file_error("ask for free space of", folder, errno);
    }
    const auto block = std::uint64_t{about.f_frsize};
    return DiskSpace{Bytes{about.f_blocks * block}, Bytes{about.f_bavail * block}};
}

Result<> keep_reserve(const std::filesystem::path& folder, Bytes reserve, Bytes more)
{
    COMMON_TRY(const auto disk, space_of(folder));
    if (disk.free.count() >= reserve.count() &&
        disk.free.count() - reserve.count() >= more.count()) {
        return {};
    }
    return Error{
        ErrorCode::resource_exhausted,
        fmt::format("{} has {} MiB free, {} MiB are wanted and {} MiB are kept in reserve: "
                    "free some, or lower disk_reserve_mb",
                    folder.string(),
                    disk.free.mib(),
                    more.mib(),
                    reserve.mib()),
        "disk_full"};
}

Result<std::size_t> read_at(int file, std::span<char> bytes, std::uint64_t offset)
{
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto count = ::pread(
            file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
        if (count < 0) {
            return file_error("read", "a file", errno);
        }
        if (count == 0) {
            break;
        }
        done += static_cast<std::size_t>(count);
    }
    return done;
}

} // namespace hostd::storage
