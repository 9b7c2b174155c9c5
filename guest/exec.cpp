#include "guest/exec.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/wait.h>

namespace guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Kept of one stream at most, whatever the host asks for: guests are small.
constexpr std::size_t most_kept = std::size_t{4} << 20U;
/// For a host that lost its channel, or began anew, to attach to a live command again.
constexpr auto alone_patience = std::chrono::seconds{60};
/// After the main process ended: how long its pipes may stay open in other hands.
constexpr auto pipe_patience = std::chrono::milliseconds{50};

std::vector<std::string> argv_of(const proto::GuestExec& request)
{
    if (!request.argv.empty()) {
        return request.argv;
    }
    return {"/bin/sh", "-c", request.shell};
}

} // namespace

Result<Exec> Exec::start(const proto::GuestExec& request,
                         const std::string& group,
                         const Services& services,
                         common::SteadyTime now)
{
    COMMON_TRY(auto user, find_user(request.user));
    Program program{argv_of(request), std::move(user), request.cwd, request.env, group};
    CallWork work;
    if (const auto service = services.find(request.call); service != services.end()) {
        COMMON_TRY(work, service->second(request.request, program.user, group));
        program.service = std::move(work.run);
        program.passed = work.with.get();
    } else if (!request.call.empty()) {
        return Error{ErrorCode::unimplemented, "no service '" + request.call + "'", "no_such_call"};
    } else if (request.argv.empty() == request.shell.empty()) {
        return Error{ErrorCode::invalid_argument, "give either argv or a shell line"};
    }
    if (request.terminal) {
        program.terminal = {request.rows, request.columns};
    }
    COMMON_TRY(auto child, spawn(program, request.has_stdin ? Stdin::pipe : Stdin::none));
    Exec exec;
    exec.terminal_ = request.terminal;
    exec.is_call_ = !request.call.empty();
    if (request.live) {
        exec.live_.emplace();
    }
    exec.pid_ = child.pid;
    exec.limit_ = std::min<std::size_t>(request.output_limit_bytes, most_kept);
    exec.started_ = now;
    if (request.timeout_ms > 0) {
        exec.deadline_ = now + std::chrono::milliseconds{request.timeout_ms};
    }
    exec.stdin_ = std::move(child.in);
    exec.out_.fd = std::move(child.out);
    exec.err_.fd = std::move(child.err);
    return exec;
}

void Exec::detach(common::SteadyTime now) noexcept
{
    if (stream_ != 0 && live_) {
        alone_since_ = now;
    }
    stream_ = 0;
}

void Exec::let_go() noexcept
{
    if (is_call_ && stream_ == 0) {
        signal(SIGTERM); // It is for who asked alone.
    }
    if (live_ && stream_ == 0) {
        live_->let_go();
        alone_since_.reset();
    }
}

proto::GuestStarted Exec::attach(std::uint32_t stream, std::uint64_t from)
{
    stream_ = stream;
    exit_sent_ = false;
    alone_since_.reset();
    if (live_) {
        live_->attach(from);
        stdin_grant_ = 0;
        const auto room = proto::initial_credit -
                          std::min<std::size_t>(proto::initial_credit, stdin_waiting_.size());
        return {pid_, live_->sent(), stdin_received_, static_cast<std::uint32_t>(room)};
    }
    for (auto* output : {&out_, &err_}) {
        output->sent = 0;
        output->allowed = proto::initial_credit;
    }
    // The new listener sends stdin from 0 and starts from the initial credit: give it room
    // for what it repeats.
    stdin_grant_ = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(stdin_received_, std::uint64_t{1} << 31U));
    return {pid_};
}

void Exec::take_stdin(const proto::GuestStdin& piece)
{
    const auto end = piece.offset + piece.data.size();
    if (piece.offset > stdin_received_ || stdin_eof_) {
        return; // A gap cannot be filled; a repeat after the end has nothing new.
    }
    if (end > stdin_received_ && stdin_) {
        stdin_waiting_ += piece.data.substr(stdin_received_ - piece.offset);
    } else if (end > stdin_received_) {
        stdin_grant_ += static_cast<std::uint32_t>(end - stdin_received_); // It reads no more.
    }
    stdin_received_ = std::max(stdin_received_, end);
    stdin_eof_ = piece.eof && end >= stdin_received_;
    serve_pipes();
}

void Exec::take_credit(const proto::GuestCredit& credit)
{
    if (live_) {
        live_->take_credit(credit.channel == "output" ? credit.bytes : 0);
    } else if (credit.channel == "stdout") {
        out_.allowed += credit.bytes;
    } else if (credit.channel == "stderr") {
        err_.allowed += credit.bytes;
    }
}

void Exec::signal(int number) const
{
    if (reaped_ || number <= 0) {
        return;
    }
    // Of a terminal the job in its foreground is meant, as by a key; what ends the shell, both.
    const pid_t job = terminal_ ? ::tcgetpgrp(out_.fd.get()) : pid_;
    if (job > 0 && job != pid_) {
        ::kill(-job, number);
    }
    if (job <= 0 || job == pid_ || number == SIGKILL || number == SIGTERM || number == SIGHUP) {
        ::kill(-pid_, number);
    }
}

void Exec::resize(TerminalSize size) const
{
    if (terminal_ && out_.fd) {
        guest::resize(out_.fd, size);
    }
}

void Exec::read_pipe(Output& output, proto::Stdio stdio)
{
    std::array<char, 65536> piece{};
    // Bounded: a command that writes without end must not keep the agent from all else.
    for (int turn = 0; output.fd && reads() && turn < 16; ++turn) {
        const auto most = live_ ? std::min(piece.size(), live_->room()) : piece.size();
        const auto count = ::read(output.fd.get(), piece.data(), most);
        if (count > 0) {
            const auto size = static_cast<std::size_t>(count);
            output.total += size;
            if (live_) {
                live_->append(stdio, {piece.data(), size});
                continue;
            }
            output.kept.append(piece.data(),
                               std::min(size, limit_ - std::min(limit_, output.kept.size())));
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            output.fd.reset();
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

void Exec::serve_pipes()
{
    read_pipe(out_, proto::Stdio::out);
    read_pipe(err_, proto::Stdio::err);
    give_stdin();
}

void Exec::give_stdin()
{
    while (stdin_ && !stdin_waiting_.empty()) {
        const auto count = ::write(stdin_.get(), stdin_waiting_.data(), stdin_waiting_.size());
        if (count > 0) {
            stdin_grant_ += static_cast<std::uint32_t>(count);
            stdin_waiting_.erase(0, static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            stdin_.reset(); // It reads no more. What still comes is dropped, with credit.
        }
    }
    if (!stdin_) {
        stdin_grant_ += static_cast<std::uint32_t>(stdin_waiting_.size());
        stdin_waiting_.clear();
    } else if (stdin_eof_) {
        if (terminal_) {
            // It has no end of its own: this is the key for it.
            constexpr char end_of_file = 4;
            static_cast<void>(::write(stdin_.get(), &end_of_file, 1));
        }
        stdin_.reset();
    }
}

void Exec::reaped(int wait_status, common::SteadyTime now)
{
    wait_status_ = wait_status;
    reaped_ = now;
    serve_pipes();
}

std::optional<common::SteadyTime> Exec::on_time(common::SteadyTime now)
{
    if (ended_) {
        return std::nullopt;
    }
    if (alone_since_ && now - *alone_since_ >= alone_patience) {
        let_go();
    }
    if (reaped_) {
        if (!reads() && (out_.fd || err_.fd)) {
            read_until_ = now; // There may be more in the pipes than there is room for.
            return alone_since_ ? std::optional{*alone_since_ + alone_patience} : std::nullopt;
        }
        const auto patience_ends = std::max(*reaped_, read_until_) + pipe_patience;
        if ((!out_.fd && !err_.fd) || now >= patience_ends) {
            stdin_.reset();
            ended_ = now;
            return std::nullopt;
        }
        return patience_ends;
    }
    if (deadline_ && now >= *deadline_) {
        timed_out_ = true;
        deadline_.reset();
        signal(SIGKILL);
    }
    if (alone_since_) {
        const auto alone_until = *alone_since_ + alone_patience;
        return deadline_ ? std::min(*deadline_, alone_until) : alone_until;
    }
    return deadline_;
}

void Exec::pipes(const std::function<void(int fd, short events)>& poll) const
{
    if (out_.fd && reads()) {
        poll(out_.fd.get(), POLLIN);
    }
    if (err_.fd && reads()) {
        poll(err_.fd.get(), POLLIN);
    }
    if (stdin_ && !stdin_waiting_.empty()) {
        poll(stdin_.get(), POLLOUT);
    }
}

std::optional<proto::GuestOutput> Exec::next_of(Output& output, const char* channel)
{
    const auto ready = std::min<std::uint64_t>(output.kept.size(), output.allowed) - output.sent;
    if (ready == 0) {
        return std::nullopt;
    }
    const auto size = std::min<std::uint64_t>(ready, proto::max_chunk);
    proto::GuestOutput piece{channel, output.sent, output.kept.substr(output.sent, size)};
    output.sent += size;
    return piece;
}

std::optional<proto::GuestOutput> Exec::next_output()
{
    if (live_) {
        return live_->next();
    }
    auto piece = next_of(out_, "stdout");
    return piece ? std::move(piece) : next_of(err_, "stderr");
}

std::uint32_t Exec::take_stdin_grant()
{
    return std::exchange(stdin_grant_, 0);
}

std::optional<proto::GuestExit> Exec::next_exit()
{
    const bool all_sent =
        live_ ? live_->all_sent() : out_.sent >= out_.kept.size() && err_.sent >= err_.kept.size();
    if (!ended_ || exit_sent_ || !all_sent) {
        return std::nullopt;
    }
    exit_sent_ = true;
    proto::GuestExit exit;
    exit.signal = WIFSIGNALED(wait_status_) ? WTERMSIG(wait_status_) : 0;
    exit.exit_code = exit.signal != 0 ? 128 + exit.signal : WEXITSTATUS(wait_status_);
    exit.timed_out = timed_out_;
    exit.stdout_bytes = out_.total;
    exit.stderr_bytes = err_.total;
    exit.run_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(*reaped_ - started_).count());
    return exit;
}

} // namespace guest
