#include "common/process/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <span>
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
std::string_view read_some(UniqueFd& fd, std::span<char> into)
{
    const auto count = ::read(fd.get(), into.data(), into.size());
    if (count > 0) {
        return {into.data(), static_cast<std::size_t>(count)};
    }
    if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
        fd.reset();
    }
    return {};
}

void keep(std::string& text, std::string_view piece, Bytes limit)
{
    const auto room = limit.count() - std::min<std::uint64_t>(limit.count(), text.size());
    text.append(piece.substr(0, room));
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
        fd.reset();
    }
}

int to_status(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

std::vector<char*> pointers(const std::vector<std::string>& texts)
{
    std::vector<char*> all;
    for (const auto& text : texts) {
        all.push_back(const_cast<char*>(text.c_str()));
    }
    return all;
}

/// Ours, below those that are given.
std::vector<char*> environment_of(const std::vector<std::string>& more)
{
    auto all = pointers(more);
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string_view ours{*one};
        const auto name = ours.substr(0, ours.find('=') + 1);
        if (std::ranges::none_of(more,
                                 [&](const auto& given) { return given.starts_with(name); })) {
            all.push_back(*one);
        }
    }
    all.push_back(nullptr);
    return all;
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

Result<std::unique_ptr<Child>> Child::start(Program program)
{
    COMMON_TRY(auto in, Pipe::make());
    COMMON_TRY(auto out, Pipe::make());
    COMMON_TRY(auto err, Pipe::make());

    SpawnOptions options;
    posix_spawn_file_actions_adddup2(&options.actions, in.read.get(), 0);
    posix_spawn_file_actions_adddup2(&options.actions, out.write.get(), 1);
    posix_spawn_file_actions_adddup2(&options.actions, err.write.get(), 2);

    auto argv = pointers(program.command.argv);
    argv.push_back(nullptr);
    pid_t pid = 0;
    if (const int error = ::posix_spawnp(&pid,
                                         argv[0],
                                         &options.actions,
                                         &options.attributes,
                                         argv.data(),
                                         environment_of(program.environment).data());
        error != 0) {
        return Error{error == ENOENT ? ErrorCode::not_found : ErrorCode::internal,
                     "run " + program.command.argv[0] + ": " + errno_text(error)};
    }
    for (const int fd : {in.write.get(), out.read.get(), err.read.get()}) {
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    return std::unique_ptr<Child>{new Child{
        std::move(program), pid, std::move(in.write), std::move(out.read), std::move(err.read)}};
}

Child::Child(Program program, pid_t pid, UniqueFd in, UniqueFd out, UniqueFd err)
    : program_{std::move(program)},
      deadline_{Clock::now() + program_.command.timeout},
      pid_{pid},
      in_{std::move(in)},
      out_{std::move(out)},
      err_{std::move(err)}
{}

Child::~Child()
{
    kill();
}

void Child::kill()
{
    if (pid_ > 0) {
        ::kill(-pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
    }
}

Error Child::out_of_time()
{
    kill();
    return {ErrorCode::timeout,
            joined(program_.command.argv) + ": killed after " +
                std::to_string(program_.command.timeout.count()) + " ms"};
}

Result<> Child::read_output()
{
    std::array<char, 65536> buffer{};
    const auto piece = read_some(out_, buffer);
    if (!program_.on_output) {
        keep(outcome_.out, piece, program_.command.output_limit);
        return {};
    }
    auto taken = piece.empty() ? Result<>{} : program_.on_output(piece);
    if (!taken) {
        kill();
    }
    return taken;
}

/// Once: whatever can be read or written, when something can.
Result<> Child::exchange(std::string_view& rest)
{
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) {
        return out_of_time();
    }
    std::array<pollfd, 4> fds{pollfd{rest.empty() ? -1 : in_.get(), POLLOUT, 0},
                              pollfd{out_.get(), POLLIN, 0},
                              pollfd{err_.get(), POLLIN, 0},
                              pollfd{program_.interrupt, POLLIN, 0}};
    ::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (fds[3].revents != 0) { // A negative fd is skipped.
        kill();
        return Error{ErrorCode::unavailable,
                     joined(program_.command.argv) + ": killed: it was interrupted",
                     "interrupted"};
    }
    if (fds[0].revents != 0) {
        write_some(in_, rest);
    }
    if (fds[2].revents != 0) {
        std::array<char, 65536> buffer{};
        keep(outcome_.err, read_some(err_, buffer), program_.command.output_limit);
    }
    return fds[1].revents == 0 ? Result<>{} : read_output();
}

Result<> Child::feed(std::string_view bytes)
{
    while (!bytes.empty() && reads()) {
        COMMON_CHECK(exchange(bytes));
    }
    return {};
}

Result<Outcome> Child::finish()
{
    in_.reset();
    std::string_view nothing;
    while (out_ || err_) {
        COMMON_CHECK(exchange(nothing));
    }
    // Its pipes are closed, so it is about to end; one that closed them and lingers is
    // killed at the deadline like any other.
    int wait_status = 0;
    while (::waitpid(pid_, &wait_status, WNOHANG) == 0) {
        if (Clock::now() >= deadline_) {
            return out_of_time();
        }
        ::poll(nullptr, 0, 1);
    }
    pid_ = -1;
    outcome_.status = to_status(wait_status);
    return std::move(outcome_);
}

Error failed(const Command& command, const Outcome& outcome)
{
    auto reason = outcome.err.empty() ? outcome.out : outcome.err;
    while (!reason.empty() && reason.back() == '\n') {
        reason.pop_back();
    }
    return Error{ErrorCode::internal,
                 joined(command.argv) + ": exit status " + std::to_string(outcome.status) + ": " +
                     reason};
}

} // namespace common::process
