#include "tests/unit/guest_files/interposed.hpp"

#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace interposed {

Hooks& hooks()
{
    thread_local Hooks each;
    return each;
}

int& writes_of_nothing()
{
    thread_local int left = 0; // Not in the hooks: it is asked for after they are gone.
    return left;
}

void next_tick()
{
    const auto now = [](clockid_t clock) {
        timespec time{};
        ::clock_gettime(clock, &time);
        return std::pair{time.tv_sec, time.tv_nsec};
    };
    // Since Linux 6.13 files may have finer times than that clock, which also lags behind.
    for (const auto before = now(CLOCK_REALTIME); now(CLOCK_REALTIME_COARSE) <= before;) {
    }
}

namespace {

void call_once(std::function<void(int, const char*)>& hook, int folder, const char* name)
{
    if (const auto due = std::exchange(hook, {})) {
        due(folder, name);
    }
}

bool writes_nothing(int fd)
{
    struct stat status {};
    if (writes_of_nothing() == 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    --writes_of_nothing();
    return true;
}

} // namespace

} // namespace interposed

extern "C" {

int fsync(int fd)
{
    if (const auto due = std::exchange(interposed::hooks().before_fsync, {})) {
        due();
    }
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

int mkdirat(int folder, const char* name, mode_t mode) noexcept
{
    const auto done = ::syscall(SYS_mkdirat, folder, name, mode);
    if (done == 0) {
        interposed::call_once(interposed::hooks().after_mkdirat, folder, name);
    }
    return static_cast<int>(done);
}

int fstatat(int folder, const char* name, struct stat* status, int flags) noexcept
{
    const auto done = ::syscall(SYS_newfstatat, folder, name, status, flags);
    if (done == 0) {
        interposed::call_once(interposed::hooks().after_fstatat, folder, name);
    }
    return static_cast<int>(done);
}

ssize_t write(int fd, const void* data, size_t size)
{
    return interposed::writes_nothing(fd) ? 0 : ::syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at)
{
    return interposed::writes_nothing(fd) ? 0 : ::syscall(SYS_pwrite64, fd, data, size, at);
}
}
