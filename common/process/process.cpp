#include "common/process/process.hpp"

#include "common/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>

extern char** environ;

namespace common::process {

namespace {

using Clock = std::chrono::steady_clock;

std::string errno_text(int error)
{
    return std::generic_category().message(error);
}

struct Pipe {
    UniqueFd read;
    UniqueFd write;

    static Result<Pipe> make()
    {
        std::array<int, 2> fds{};
        if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
            return Error{ErrorCode::internal, "pipe: " + errno_text(errno)};
        }
        return Pipe{UniqueFd{fds[0]}, UniqueFd{fds[1]}};
    }
};

/// posix_spawn's two option objects, destroyed with the scope.
struct SpawnOptions {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};

    SpawnOptions()
    {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        sigset_t all{};
        sigset_t none{};
        sigfillset(&all);
        sigdelset(&all, SIGKILL);
        sigdelset(&all, SIGSTOP);
        sigemptyset(&none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    }
    ~SpawnOptions()
    {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnOptions(const SpawnOptions&) = delete;
    SpawnOptions& operator=(const SpawnOptions&) = delete;
};

/// Reads what is there; closes at the end of the stream.
void read_some(UniqueFd& fd, std::string& into, Bytes limit)
{
    std::array<char, 65536> piece{};
    const auto count = ::read(fd.get(), piece.data(), piece.size());
    if (count > 0) {
        const auto room = limit.count() - std::min<std::uint64_t>(limit.count(), into.size());
        into.append(piece.data(), std::min<std::size_t>(static_cast<std::size_t>(count), room));
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
        fd.reset();
    }
}

/// write() to a pipe whose reader may be gone: EPIPE, and no SIGPIPE whatever its disposition is.
/// Pipes have no MSG_NOSIGNAL, so the signal is blocked in this thread and taken out again.
ssize_t write_quietly(int fd, std::string_view bytes)
{
    sigset_t pipe_signal{};
    sigset_t before{};
    sigset_t pending{};
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    const auto count = ::write(fd, bytes.data(), bytes.size());
    const int error = errno;
    if (count < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
        const timespec at_once{};
        ::sigtimedwait(&pipe_signal, nullptr, &at_once);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return count;
}

void write_some(UniqueFd& fd, std::string_view& rest)
{
    const auto count = write_quietly(fd.get(), rest);
    if (count > 0) {
        rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (count < 0 && errno != EINTR && errno != EAGAIN) {
        rest = {}; // EPIPE: the child does not want the rest.
    }
    if (rest.empty()) {
        fd.reset();
    }
}

int to_status(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

std::string joined(const std::vector<std::string>& argv)
{
    std::string text;
    for (const auto& argument : argv) {
        text += (text.empty() ? "" : " ") + argument;
    }
    return text;
}

} // namespace

Result<Outcome> run(const Command& command)
{
    COMMON_TRY(auto in, Pipe::make());
    COMMON_TRY(auto out, Pipe::make());
    COMMON_TRY(auto err, Pipe::make());

    SpawnOptions options;
    posix_spawn_file_actions_adddup2(&options.actions, in.read.get(), 0);
    posix_spawn_file_actions_adddup2(&options.actions, out.write.get(), 1);
    posix_spawn_file_actions_adddup2(&options.actions, err.write.get(), 2);

    std::vector<char*> argv;
    for (const auto& argument : command.argv) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    pid_t pid = 0;
    if (const int error = ::posix_spawnp(
            &pid, argv[0], &options.actions, &options.attributes, argv.data(), environ);
        error != 0) {
        return Error{error == ENOENT ? ErrorCode::not_found : ErrorCode::internal,
                     "run " + command.argv[0] + ": " + errno_text(error)};
    }
    in.read.reset();
    out.write.reset();
    err.write.reset();
    for (const int fd : {in.write.get(), out.read.get(), err.read.get()}) {
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
    }

    Outcome outcome;
    std::string_view rest = command.input;
    if (rest.empty()) {
        in.write.reset();
    }
    const auto deadline = Clock::now() + command.timeout;
    bool killed = false;
    while (out.read || err.read) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) {
            killed = true;
            break;
        }
        std::array<pollfd, 3> fds{pollfd{in.write.get(), POLLOUT, 0},
                                  pollfd{out.read.get(), POLLIN, 0},
                                  pollfd{err.read.get(), POLLIN, 0}};
        ::poll(fds.data(), fds.size(), static_cast<int>(left)); // A negative fd is skipped.
        if (fds[0].revents != 0) {
            write_some(in.write, rest);
        }
        if (fds[1].revents != 0) {
            read_some(out.read, outcome.out, command.output_limit);
        }
        if (fds[2].revents != 0) {
            read_some(err.read, outcome.err, command.output_limit);
        }
    }
    in.write.reset();
    // Its pipes are closed, so it is about to end; one that closed them and lingers is
    // killed at the deadline like any other.
    int wait_status = 0;
    while (!killed && ::waitpid(pid, &wait_status, WNOHANG) == 0) {
        if (Clock::now() >= deadline) {
            killed = true;
            break;
        }
        ::poll(nullptr, 0, 1);
    }
    if (killed) {
        ::kill(-pid, SIGKILL);
        while (::waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
        }
        return Error{ErrorCode::timeout,
                     joined(command.argv) + ": killed after " +
                         std::to_string(command.timeout.count()) + " ms"};
    }
    outcome.status = to_status(wait_status);
    return outcome;
}

Result<std::string> run_checked(const Command& command)
{
    COMMON_TRY(auto outcome, run(command));
    if (outcome.status != 0) {
        auto reason = outcome.err.empty() ? outcome.out : outcome.err;
        while (!reason.empty() && reason.back() == '\n') {
            reason.pop_back();
        }
        return Error{ErrorCode::internal,
                     joined(command.argv) + ": exit status " + std::to_string(outcome.status) +
                         ": " + reason};
    }
    return std::move(outcome.out);
}

} // namespace common::process
