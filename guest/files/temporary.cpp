#include "guest/files/temporary.hpp"

#include "guest/files/errors.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

namespace guest::files {

using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

/// So that the name is there after a crash. A folder that cannot be read is not synced.
void sync_folder(const UniqueFd& folder)
{
    const UniqueFd readable{::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (readable) {
        ::fsync(readable.get());
    }
}

} // namespace

std::string temporary_name()
{
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) {
        random = static_cast<std::uint64_t>(::gettid()); // It is made exclusively in any case.
    }
    std::string name(24, '\0');
    name.resize(
        static_cast<std::size_t>(std::snprintf(name.data(),
                                               name.size(),
                                               ".paddock-%014llx",
                                               static_cast<unsigned long long>(random >> 8U))));
    return name;
}

Result<Temporary> Temporary::in(const UniqueFd& folder, std::string_view path)
{
    Temporary made;
    auto name = temporary_name();
    made.fd_ = UniqueFd{::openat(
        folder.get(), name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!made.fd_) {
        return failure("make a file beside", path, errno);
    }
    made.name_ = std::move(name);
    made.folder_ = UniqueFd{::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0)};
    if (!made.folder_) {
        const int error = errno;
        ::unlinkat(folder.get(), made.name_.c_str(), 0);
        return failure("make a file beside", path, error);
    }
    return made;
}

Temporary::~Temporary()
{
    if (folder_) {
        ::unlinkat(folder_.get(), name_.c_str(), 0);
    }
}

Result<> Temporary::rename_to(const Place& place, unsigned flags)
{
    if (::renameat2(folder_.get(), name_.c_str(), place.folder.get(), place.name.c_str(), flags) !=
        0) {
        return failure("replace", place.path, errno);
    }
    sync_folder(folder_);
    folder_.reset();
    return {};
}

Result<std::optional<struct stat>> replaceable(const Place& place, std::string_view path)
{
    struct stat there {};
    if (::fstatat(place.folder.get(), place.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) {
            return std::optional<struct stat>{};
        }
        return failure("look at", path, errno);
    }
    if (S_ISDIR(there.st_mode)) {
        return failure("write", path, EISDIR);
    }
    if (!S_ISREG(there.st_mode)) {
        return refusal(
            ErrorCode::failed_precondition, "write", path, "is not a regular file", "not_a_file");
    }
    if (::faccessat(
            place.folder.get(), place.name.c_str(), W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0) {
        return failure("write", path, errno);
    }
    return std::optional{there};
}

} // namespace guest::files
