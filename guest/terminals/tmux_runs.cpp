#include "guest/terminals/tmux_runs.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace guest::terminals {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t printed_at_most = std::size_t{4} << 20U; ///< A whole scrollback's worth.
constexpr std::size_t complaint_at_most = 4096;
/// After it ended: for a server that it started and that holds its pipes, against expectation.
constexpr milliseconds pipe_patience{200};

enum class Pipe { open, closed, too_much };

Pipe drain(common::UniqueFd& fd, std::string& into, std::size_t at_most)
{
    std::array<char, 65536> piece{};
    // Bounded, for the sake of all else in this turn.
    for (int turn = 0; fd && turn < 4; ++turn) {
        const auto count = ::read(fd.get(), piece.data(), piece.size());
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            fd.reset();
        } else if (count < 0) {
            break;
        } else if (into.size() + static_cast<std::size_t>(count) > at_most) {
            return Pipe::too_much;
        } else {
            into.append(piece.data(), static_cast<std::size_t>(count));
        }
    }
    return fd ? Pipe::open : Pipe::closed;
}

} // namespace

Program TmuxProgram::with(const std::vector<std::string>& words, std::string cwd) const
{
    std::vector<std::string> argv{path, "-L", socket, "-f", "/dev/null", "-u"};
    argv.insert(argv.end(), words.begin(), words.end());
    return {std::move(argv), user, std::move(cwd), {}, group};
}

TmuxRuns::~TmuxRuns()
{
    if (running_ && !running_->wait_status) {
        ::kill(running_->child.pid, SIGKILL);
    }
}

void TmuxRuns::run(std::vector<std::string> words, std::string cwd, Done done)
{
    if (waiting_.size() >= limits_.waiting_calls) {
        return done(Error{ErrorCode::rate_limited, "too many calls wait for tmux", "busy"});
    }
    waiting_.push_back(
        {std::move(words), std::move(cwd), std::move(done), clock_.steady() + limits_.patience});
    start_next();
}

void TmuxRuns::start_next()
{
    while (!running_ && !waiting_.empty()) {
        auto next = std::move(waiting_.front());
        waiting_.pop_front();
        auto child = spawn(program_.with(next.words, next.cwd), Stdin::none);
        if (!child) {
            next.done(std::move(child).error());
            continue;
        }
        running_.emplace(Running{*std::move(child), std::move(next.done), next.deadline});
    }
}

void TmuxRuns::finish(Result<Outcome> outcome)
{
    if (!running_->wait_status) {
        ::kill(running_->child.pid, SIGKILL);
        given_up_.push_back(running_->child.pid);
    }
    const auto done = std::move(running_->done);
    running_.reset();
    start_next();
    done(std::move(outcome));
}

void TmuxRuns::descriptors(const std::function<void(int fd, short events)>& poll) const
{
    if (!running_) {
        return;
    }
    for (const auto* pipe : {&running_->child.out, &running_->child.err}) {
        if (*pipe) {
            poll(pipe->get(), POLLIN);
        }
    }
}

void TmuxRuns::serve()
{
    if (!running_) {
        return;
    }
    auto& [child, done, deadline, outcome, status, reaped] = *running_;
    // More of its complaint than is kept is of no interest, and no reason to fail.
    if (drain(child.err, outcome.complaint, complaint_at_most) == Pipe::too_much) {
        child.err.reset();
    }
    if (drain(child.out, outcome.printed, printed_at_most) == Pipe::too_much) {
        return finish(Error{ErrorCode::internal, "tmux printed too much", "tmux_failed"});
    }
    check_end();
}

void TmuxRuns::check_end()
{
    if (!running_ || !running_->wait_status) {
        return;
    }
    const bool closed = !running_->child.out && !running_->child.err;
    if (closed || clock_.steady() >= *running_->reaped + pipe_patience) {
        auto outcome = std::move(running_->outcome);
        outcome.succeeded =
            WIFEXITED(*running_->wait_status) && WEXITSTATUS(*running_->wait_status) == 0;
        finish(std::move(outcome));
    }
}

std::optional<common::SteadyTime> TmuxRuns::on_time()
{
    const auto silent = [] {
        return Error{ErrorCode::timeout, "tmux does not answer", "tmux_silent"};
    };
    const auto now = clock_.steady();
    if (running_ && now >= running_->deadline) {
        finish(silent());
    }
    while (!waiting_.empty() && now >= waiting_.front().deadline) {
        auto late = std::move(waiting_.front());
        waiting_.pop_front();
        late.done(silent());
    }
    check_end();
    start_next();
    if (!running_) {
        return std::nullopt;
    }
    return running_->reaped ? std::min(running_->deadline, *running_->reaped + pipe_patience)
                            : running_->deadline;
}

bool TmuxRuns::reaped(pid_t pid, int wait_status)
{
    if (std::erase(given_up_, pid) > 0) {
        return true;
    }
    if (!running_ || running_->child.pid != pid || running_->wait_status) {
        return false;
    }
    running_->wait_status = wait_status;
    running_->reaped = clock_.steady();
    serve();
    return true;
}

} // namespace guest::terminals
