#include "guest/files/entry.hpp"

#include "guest/files/errors.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <limits>
#include <unistd.h>

namespace guest::files {

using common::Result;

namespace {

Kind kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR: return Kind::folder;
    case S_IFLNK: return Kind::symlink;
    case S_IFIFO: return Kind::fifo;
    case S_IFSOCK: return Kind::socket;
    case S_IFCHR: return Kind::char_device;
    case S_IFBLK: return Kind::block_device;
    default: return Kind::file;
    }
}

/// Clamped: a file can be given any time that its file system keeps.
std::int64_t nanoseconds_of(const timespec& time)
{
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    constexpr auto last_s = std::numeric_limits<std::int64_t>::max() / ns_per_s - 1;
    return std::clamp(std::int64_t{time.tv_sec}, -last_s, last_s) * ns_per_s + time.tv_nsec;
}

} // namespace

std::string_view to_string(Kind kind) noexcept
{
    switch (kind) {
    case Kind::file: return "file";
    case Kind::folder: return "folder";
    case Kind::symlink: return "symlink";
    case Kind::fifo: return "fifo";
    case Kind::socket: return "socket";
    case Kind::char_device: return "char_device";
    case Kind::block_device: return "block_device";
    }
    return "file";
}

Entry entry_of(std::string path, const struct stat& status)
{
    return {std::move(path),
            kind_of(status.st_mode),
            status.st_mode & 07777U,
            status.st_uid,
            status.st_gid,
            static_cast<std::uint64_t>(status.st_size),
            nanoseconds_of(status.st_mtim)};
}

Result<Entry> entry_at(int folder, const std::string& name, std::string path)
{
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return failure("look at", path, errno);
    }
    auto entry = entry_of(std::move(path), status);
    if (entry.kind == Kind::symlink) {
        std::array<char, PATH_MAX> target{};
        const auto size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
        if (size < 0) { // EINVAL: it is none any more.
            return failure("read link", entry.path, errno == EINVAL ? ENOENT : errno);
        }
        entry.target.assign(target.data(), static_cast<std::size_t>(size));
    }
    return entry;
}

Result<Entry> stat(const PathPolicy& policy, std::string_view path, LastLink last)
{
    COMMON_TRY(auto found, policy.find(path, last));
    auto entry = entry_of(std::string{path}, found.status);
    if (entry.kind == Kind::symlink) {
        std::array<char, PATH_MAX> target{};
        const auto size = ::readlinkat(found.fd.get(), "", target.data(), target.size());
        if (size < 0) {
            return failure("read link", path, errno);
        }
        entry.target.assign(target.data(), static_cast<std::size_t>(size));
    }
    return entry;
}

Result<std::optional<Entry>> exists(const PathPolicy& policy, std::string_view path, LastLink last)
{
    auto entry = stat(policy, path, last);
    if (entry) {
        return std::optional{*std::move(entry)};
    }
    const auto reason = entry.error().stable_reason();
    if (reason == "not_found" || reason == "not_a_folder") {
        return std::optional<Entry>{};
    }
    return std::move(entry).error();
}

} // namespace guest::files
