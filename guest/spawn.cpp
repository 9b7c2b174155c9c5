#include "guest/spawn.hpp"

#include "guest/wiring.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace guest {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::map<std::string, std::string> environment_of(const Program& program)
{
    std::map<std::string, std::string> env{{"HOME", program.user.home},
                                           {"LANG", "C.UTF-8"},
                                           {"LOGNAME", program.user.name},
                                           {"PATH", default_path},
                                           {"SHELL", program.user.shell},
                                           {"USER", program.user.name}};
    if (program.terminal) {
        env["TERM"] = "xterm-256color";
    }
    for (const auto& [name, value] : program.env) {
        env[name] = value;
    }
    return env;
}

/// Where execvp(3) would look: the child must not allocate.
std::vector<std::string> candidates(const std::string& name, const std::string& path)
{
    if (name.find('/') != std::string::npos) {
        return {name};
    }
    std::vector<std::string> found;
    for (std::size_t from = 0; from <= path.size();) {
        const auto to = std::min(path.find(':', from), path.size());
        found.push_back(path.substr(from, to - from) + "/" + name);
        from = to + 1;
    }
    return found;
}

std::vector<char*> pointers(std::vector<std::string>& texts)
{
    std::vector<char*> result;
    for (auto& text : texts) {
        result.push_back(text.data());
    }
    result.push_back(nullptr);
    return result;
}

/// All that the child needs, made before it exists: it shares the parent's memory and
/// may neither allocate nor leave anything changed.
struct Plan {
    std::vector<char*> argv;
    std::vector<char*> env;
    std::vector<char*> paths;
    const char* cwd = nullptr;
    const char* fallback_cwd = nullptr;
    const User* user = nullptr;
    int group = -1;       ///< The cgroup's folder; -1: stay.
    int group_procs = -1; ///< Its cgroup.procs, if the child has to move by itself.
    std::array<int, 3> stdio{};
    bool terminal = false;
};

enum class Step { none, user, cwd, exec };
struct Failure {
    volatile Step step = Step::none;
    volatile int error = 0;
};

[[noreturn]] void fail(Failure& failure, Step step)
{
    failure.error = errno;
    failure.step = step;
    ::_exit(127);
}

/// Raw system calls: glibc's own would tell "the other threads", which are the parent.
void become_user(const User& user, Failure& failure)
{
    if (::syscall(SYS_geteuid) != 0 && ::syscall(SYS_getuid) == static_cast<long>(user.uid)) {
        return;
    }
    if (::syscall(SYS_setgroups, user.groups.size(), user.groups.data()) != 0 ||
        ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0 ||
        ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0) {
        fail(failure, Step::user);
    }
}

[[noreturn]] void child(const Plan& plan, Failure& failure)
{
    ::setsid();
    for (int fd = 0; fd < 3; ++fd) {
        ::dup2(plan.stdio[static_cast<std::size_t>(fd)], fd);
    }
    if (plan.terminal) {
        ::ioctl(0, TIOCSCTTY, 0);
    }
    // The agent ignores SIGPIPE and blocks what its signalfd reads; a program expects neither.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(SIGPIPE, &standard, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::umask(022);
    if (plan.group_procs >= 0) {
        static_cast<void>(::write(plan.group_procs, "0", 1));
    }
    become_user(*plan.user, failure);
    if (::chdir(plan.cwd) != 0 &&
        (plan.fallback_cwd == nullptr || ::chdir(plan.fallback_cwd) != 0)) {
        fail(failure, Step::cwd);
    }
    int worst = ENOENT;
    for (char* const path : plan.paths) {
        if (path == nullptr) {
            break;
        }
        ::execve(path, plan.argv.data(), plan.env.data());
        if (errno != ENOENT && errno != ENOTDIR) {
            worst = errno; // "Found but not allowed" says more than "not found".
        }
    }
    errno = worst;
    fail(failure, Step::exec);
}

// Not inlined: nothing of the caller's frame may live in registers that the child changes.
[[gnu::noinline]] pid_t vfork_child(const Plan& plan, Failure& failure)
{
    const pid_t pid = ::vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (pid == 0) {
        child(plan, failure);
    }
    return pid;
}

#if defined(__x86_64__)
/// vfork() into a cgroup, on a stack of its own. Moving a child afterwards would wait for the
/// kernel's RCU, up to some 10 ms for each command. -1 with errno, as of an older kernel.
[[gnu::noinline]] pid_t clone_child(const Plan& plan, Failure& failure)
{
    std::vector<std::max_align_t> stack(std::size_t{1} << 11U); // 64 KiB
    clone_args args{};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.stack = reinterpret_cast<std::uintptr_t>(stack.data());
    args.stack_size = stack.size() * sizeof stack.front();
    args.cgroup = static_cast<std::uint64_t>(plan.group);
    long result = SYS_clone3;
    // There is no such function in glibc. The child must not return: it has no caller.
    asm volatile("syscall\n\t"
                 "test %%rax, %%rax\n\t"
                 "jnz 1f\n\t"
                 "mov %[plan], %%rdi\n\t"
                 "mov %[failure], %%rsi\n\t"
                 "call *%[entry]\n\t"
                 "hlt\n"
                 "1:"
                 : "+a"(result)
                 : "D"(&args),
                   "S"(sizeof args),
                   [plan] "r"(&plan),
                   [failure] "r"(&failure),
                   [entry] "r"(&child)
                 : "rcx", "r11", "memory", "cc");
    if (result < 0) {
        errno = static_cast<int>(-result);
        return -1;
    }
    return static_cast<pid_t>(result);
}
#else
pid_t clone_child(const Plan&, Failure&)
{
    errno = ENOSYS;
    return -1;
}
#endif

pid_t start_child(Plan& plan, Failure& failure)
{
    if (plan.group >= 0) {
        const pid_t pid = clone_child(plan, failure);
        if (pid > 0) {
            return pid;
        }
        plan.group_procs = ::openat(plan.group, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    }
    const UniqueFd procs{plan.group_procs};
    return vfork_child(plan, failure);
}

Error error_of(const Failure& failure, const Program& program)
{
    const std::string why = std::strerror(failure.error);
    switch (failure.step) {
    case Step::cwd:
        return {ErrorCode::refused, "enter '" + program.cwd + "': " + why, "no_such_cwd"};
    case Step::exec:
        return {ErrorCode::refused, "run '" + program.argv.front() + "': " + why, "not_executable"};
    case Step::user: return {ErrorCode::internal, "become " + program.user.name + ": " + why};
    case Step::none: break;
    }
    return {ErrorCode::internal, why};
}

} // namespace

Result<Child> spawn(const Program& program, Stdin with_stdin)
{
    if (program.service) {
        return spawn_service(program, with_stdin);
    }
    if (program.argv.empty() || program.argv.front().empty()) {
        return Error{ErrorCode::refused, "no program was named", "not_executable"};
    }
    COMMON_TRY(auto wiring,
               program.terminal ? wire_terminal(program.user, *program.terminal)
                                : wire_pipes(with_stdin));

    const auto env = environment_of(program);
    std::vector<std::string> lines;
    for (const auto& [name, value] : env) {
        lines.push_back(name + "=" + value);
    }
    auto argv = program.argv;
    auto paths = candidates(argv.front(), env.at("PATH"));
    Plan plan;
    plan.argv = pointers(argv);
    plan.env = pointers(lines);
    plan.paths = pointers(paths);
    plan.cwd = program.cwd.empty() ? program.user.home.c_str() : program.cwd.c_str();
    plan.fallback_cwd = program.cwd.empty() ? "/" : nullptr;
    plan.user = &program.user;
    for (std::size_t fd = 0; fd < plan.stdio.size(); ++fd) {
        plan.stdio[fd] = wiring.far[program.terminal ? 0 : fd].get();
    }
    plan.terminal = program.terminal.has_value();

    UniqueFd group;
    if (!program.group.empty()) {
        group = UniqueFd{::open(program.group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    }
    plan.group = group.get();

    Failure failure;
    const pid_t pid = start_child(plan, failure);
    if (pid < 0) {
        return Error{ErrorCode::internal, std::string{"vfork: "} + std::strerror(errno)};
    }
    if (failure.step != Step::none) {
        return error_of(failure, program); // Its corpse is reaped with all others.
    }
    return near_end(pid, std::move(wiring));
}

void resize(const UniqueFd& near_end, TerminalSize size)
{
    winsize window{};
    window.ws_row = size.rows;
    window.ws_col = size.columns;
    ::ioctl(near_end.get(), TIOCSWINSZ, &window);
}

} // namespace guest
