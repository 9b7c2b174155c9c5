#include "guest/files/folder.hpp"

#include "guest/files/errors.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>

namespace guest::files {

using common::ErrorCode;
using common::Result;

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
