#include "hostd/daemon/file_lock.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<FileLock> FileLock::take(const std::filesystem::path& file, IfHeld if_held)
{
    common::UniqueFd fd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
    if (!fd) {
        return Error{ErrorCode::internal,
                     fmt::format("open {}: {}", file.string(), std::strerror(errno))};
    }
    while (::flock(fd.get(), LOCK_EX | (if_held == IfHeld::fail ? LOCK_NB : 0)) != 0) {
        if (errno == EINTR) {
            continue;
        }
        char owner[24] = {};
        static_cast<void>(::pread(fd.get(), owner, sizeof owner - 1, 0));
        return Error{ErrorCode::failed_precondition,
                     fmt::format("{} is held by another process, pid {}",
                                 file.string(),
                                 std::strtol(owner, nullptr, 10)),
                     "already_running"};
    }
    const auto pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd.get(), 0) != 0 ||
        ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        return Error{ErrorCode::internal,
                     fmt::format("write {}: {}", file.string(), std::strerror(errno))};
    }
    return FileLock{std::move(fd)};
}

} // namespace hostd::daemon
