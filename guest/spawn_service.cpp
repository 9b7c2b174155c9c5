#include "guest/wiring.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace guest {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr int not_begun = 127;

/// Into a cgroup at once, where the kernel can: moving it later waits for the kernel's RCU. The
/// library's fork() where there is no group, as in tests: it knows of other threads.
pid_t fork_into(int group, bool& moved)
{
    moved = true;
    if (group >= 0) {
        clone_args args{};
        args.flags = CLONE_INTO_CGROUP;
        args.exit_signal = SIGCHLD;
        args.cgroup = static_cast<std::uint64_t>(group);
        const auto pid = ::syscall(SYS_clone3, &args, sizeof args);
        if (pid >= 0) {
            return static_cast<pid_t>(pid);
        }
        moved = false;
    }
    return ::fork();
}

void become(const User& user)
{
    // The library's own would ask other threads, which the child does not have.
    if (::syscall(SYS_setgroups, user.groups.size(), user.groups.data()) != 0 ||
        ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0 ||
        ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0) {
        ::_exit(not_begun);
    }
}

[[noreturn]] void serve(const Program& program, const Wiring& wiring, int group_to_join)
{
    ::setsid();
    if (group_to_join >= 0) {
        const int procs = ::openat(group_to_join, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        static_cast<void>(::write(procs, "0", 1));
    }
    for (int fd = 0; fd < 3; ++fd) {
        ::dup2(wiring.far[static_cast<std::size_t>(fd)].get(), fd);
    }
    if (program.passed >= 0) {
        ::dup2(program.passed, passed_fd);
    }
    const unsigned kept = program.passed >= 0 ? 1 : 0;
    ::syscall(SYS_close_range, passed_fd + kept, ~0U, 0U);
    ::signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::umask(022);
    become(program.user);
    ::prctl(PR_SET_DUMPABLE, 0); // Its memory is a copy of the agent's.
    if (!program.may_gain) {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    }
    static_cast<void>(::chdir("/"));
    ::_exit(program.service());
}

} // namespace

Result<Child> spawn_service(const Program& program, Stdin with_stdin)
{
    COMMON_TRY(auto wiring, wire_pipes(with_stdin));
    UniqueFd group;
    if (!program.group.empty()) {
        group = UniqueFd{::open(program.group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    }
    bool moved = false;
    const pid_t pid = fork_into(group.get(), moved);
    if (pid < 0) {
        return Error{ErrorCode::internal, std::string{"fork: "} + std::strerror(errno)};
    }
    if (pid == 0) {
        serve(program, wiring, moved ? -1 : group.get());
    }
    return near_end(pid, std::move(wiring));
}

} // namespace guest
