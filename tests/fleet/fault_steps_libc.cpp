// The calls of libc's that change what hostd keeps.
#include "tests/fleet/fault_steps.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

using fault_steps::Kind;
using fault_steps::step;

namespace {

/// Where the hostd of a fleet's host keeps what it makes.
constexpr std::array<std::string_view, 2> kept{"/var/lib/paddock/", "/var/lib/libvirt/dnsmasq/"};

std::string path_of(int fd)
{
    std::error_code none;
    const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), none);
    return path.string();
}

std::string path_at(int folder, const char* name)
{
    return folder == AT_FDCWD || name[0] == '/' ? name : path_of(folder) + "/" + name;
}

/// A step only if the path is below what hostd keeps.
template <typename Call>
auto file_step(Kind kind, const char* name, const std::string& path, const Call& call)
    -> decltype(call())
{
    for (const auto folder : kept) {
        if (path.starts_with(folder)) {
            return step(kind, std::string{name} + " " + path, call);
        }
    }
    return call();
}

template <typename Call>
auto write_step(const char* name, int fd, const Call& call) -> decltype(call())
{
    return fd <= STDERR_FILENO ? call() : file_step(Kind::writes, name, path_of(fd), call);
}

} // namespace

extern "C" {

int open(const char* path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    const auto call = [&] { return NEXT(open)(path, flags, mode); };
    return (flags & O_CREAT) != 0 ? file_step(Kind::makes, "open", path, call) : call();
}

int mkdir(const char* path, mode_t mode) noexcept
{
    return file_step(Kind::makes, "mkdir", path, [&] { return NEXT(mkdir)(path, mode); });
}

int link(const char* from, const char* to) noexcept
{
    return file_step(Kind::makes, "link", to, [&] { return NEXT(link)(from, to); });
}

int rename(const char* from, const char* to) noexcept
{
    return file_step(Kind::makes, "rename", to, [&] { return NEXT(rename)(from, to); });
}

int unlink(const char* path) noexcept
{
    return file_step(Kind::removes, "unlink", path, [&] { return NEXT(unlink)(path); });
}

int unlinkat(int folder, const char* name, int flags) noexcept
{
    return file_step(Kind::removes, "unlinkat", path_at(folder, name), [&] {
        return NEXT(unlinkat)(folder, name, flags);
    });
}

int remove(const char* path) noexcept
{
    return file_step(Kind::removes, "remove", path, [&] { return NEXT(remove)(path); });
}

int fsync(int fd)
{
    return file_step(Kind::makes, "fsync", path_of(fd), [&] { return NEXT(fsync)(fd); });
}

int ftruncate(int fd, off_t size) noexcept
{
    return file_step(
        Kind::makes, "ftruncate", path_of(fd), [&] { return NEXT(ftruncate)(fd, size); });
}

ssize_t write(int fd, const void* bytes, size_t size)
{
    return write_step("write", fd, [&] { return NEXT(write)(fd, bytes, size); });
}

ssize_t writev(int fd, const iovec* pieces, int count)
{
    return write_step("writev", fd, [&] { return NEXT(writev)(fd, pieces, count); });
}

ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset)
{
    return write_step("pwritev", fd, [&] { return NEXT(pwritev)(fd, pieces, count, offset); });
}

int posix_spawnp(pid_t* pid,
                 const char* file,
                 const posix_spawn_file_actions_t* actions,
                 const posix_spawnattr_t* attributes,
                 char* const argv[],
                 char* const environment[])
{
    std::string line;
    for (char* const* argument = argv; *argument != nullptr; ++argument) {
        line += (line.empty() ? "" : " ") + std::string{*argument};
    }
    return step(Kind::spawns, "spawn " + line, [&] {
        return NEXT(posix_spawnp)(pid, file, actions, attributes, argv, environment);
    });
}

} // extern "C"
