#include "guest/files/folder.hpp"

#include "guest/files/errors.hpp"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

namespace guest::files {

using common::ErrorCode;
using common::Result;

namespace {

/// Whether it was made since then; false if its file system does not keep that.
bool is_younger(int fd, const timespec& then)
{
    struct statx seen {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &seen) != 0 ||
        (seen.stx_mask & STATX_BTIME) == 0) {
        return false;
    }
    const auto& made = seen.stx_btime;
    return made.tv_sec > then.tv_sec ||
           (made.tv_sec == then.tv_sec && made.tv_nsec >= then.tv_nsec);
}

} // namespace

Result<Folder>
Folder::open(int parent, const std::string& name, const std::string& path, Mounts mounts)
{
    const std::uint64_t resolve =
        RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | (mounts == Mounts::refused ? RESOLVE_NO_XDEV : 0);
    auto fd = open_resolved(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, resolve);
    if (!fd) {
        switch (const int error = errno) {
        case EXDEV:
            return refusal(ErrorCode::refused,
                           "enter",
                           path,
                           "another file system is mounted there",
                           "mount_point");
        case ELOOP: return failure("enter", path, ENOTDIR); // A symbolic link by now.
        default: return failure("enter", path, error);
        }
    }
    // The stream owns its descriptor, and cannot be given one that is owned.
    const int own = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
    DIR* const stream = own < 0 ? nullptr : ::fdopendir(own);
    if (stream == nullptr) {
        const int error = errno;
        common::UniqueFd{own}.reset();
        return failure("enter", path, error);
    }
    return Folder{stream, path};
}

Result<Folder> Folder::make(int parent, const std::string& name, const std::string& path)
{
    timespec before{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &before); // The one that files are given.
    if (::mkdirat(parent, name.c_str(), 0700) != 0) {
        return failure("make folder", path, errno);
    }
    auto made = open_new(parent, name, path, before);
    if (!made) {
        ::unlinkat(parent, name.c_str(), AT_REMOVEDIR); // Another one with anything in it stays.
    }
    return made;
}

Result<Folder> Folder::open_new(int parent,
                                const std::string& name,
                                const std::string& path,
                                const timespec& before)
{
    COMMON_TRY(auto made, open(parent, name, path, Mounts::refused));
    if (!is_younger(made.fd(), before)) {
        COMMON_TRY(const auto anything, made.next());
        if (anything) {
            return refusal(ErrorCode::failed_precondition,
                           "make folder",
                           path,
                           "another is there by now",
                           "file_changed");
        }
        made.rewind();
    }
    return made;
}

Result<std::optional<std::string>> Folder::next()
{
    while (true) {
        errno = 0;
        const dirent* const each = ::readdir(stream_.get());
        if (each == nullptr && errno != 0 && errno != ENOENT) {
            return failure("read names of", path_, errno);
        }
        if (each == nullptr) {
            return std::optional<std::string>{}; // ENOENT: the folder was removed.
        }
        std::string name = static_cast<const char*>(each->d_name);
        if (name != "." && name != "..") {
            return std::optional{std::move(name)};
        }
    }
}

} // namespace guest::files
