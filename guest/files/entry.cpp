#include "guest/files/entry.hpp"

#include "guest/files/errors.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
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
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    return {std::move(path),
            kind_of(status.st_mode),
            status.st_mode & 07777U,
            status.st_uid,
            status.st_gid,
            static_cast<std::uint64_t>(status.st_size),
            status.st_mtim.tv_sec * ns_per_s + status.st_mtim.tv_nsec};
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
        if (size < 0) {
            return failure("read link", entry.path, errno);
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
