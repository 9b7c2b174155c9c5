#include "guest/agent.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace guest {

using common::ErrorCode;
using std::chrono::milliseconds;

namespace {

common::SteadyTime now()
{
    return std::chrono::steady_clock::now();
}

common::UniqueFd open_signals()
{
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    ::sigaddset(&set, SIGTERM);
    return common::UniqueFd{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
}

std::string_view reason_of(const common::Error& error)
{
    if (!error.reason.empty()) {
        return error.reason;
    }
    return error.code == ErrorCode::invalid_argument ? "invalid" : "internal";
}

} // namespace

Agent::Agent(common::UniqueFd port,
             Surroundings& surroundings,
             int net_events,
             AgentLimits limits,
             Services services)
    : port_{std::move(port)},
      signals_{open_signals()},
      surroundings_{surroundings},
      net_events_{net_events},
      limits_{limits},
      services_{std::move(services)}
{}

int Agent::poll_timeout(milliseconds patience)
{
    auto until = now() + patience;
    for (auto& [operation, exec] : execs_) {
        if (const auto due = exec.on_time(now())) {
            until = std::min(until, *due);
        }
    }
    const auto left = std::chrono::ceil<milliseconds>(until - now());
    return static_cast<int>(std::max<milliseconds::rep>(left.count(), 0));
}

bool Agent::turn(milliseconds patience)
{
    // While no host is connected the port polls as hung up at once, without end.
    if (host_away_) {
        patience = std::min(patience, limits_.reopen_interval);
    }
    const int timeout = poll_timeout(patience);
    pump();
    polled_.clear();
    const auto port_events = static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT));
    polled_.push_back({host_away_ ? -1 : port_.get(), port_events, 0});
    polled_.push_back({signals_.get(), POLLIN, 0});
    polled_.push_back({net_events_, POLLIN, 0});
    for (const auto& [operation, exec] : execs_) {
        exec.pipes([this](int fd, short events) { polled_.push_back({fd, events, 0}); });
    }
    for (const auto& pipe : orphan_pipes_) {
        polled_.push_back({pipe.get(), POLLIN, 0});
    }
    ::poll(polled_.data(), polled_.size(), timeout);

    if (polled_[1].revents != 0) {
        read_signals();
    }
    for (auto& [operation, exec] : execs_) {
        exec.serve_pipes();
        exec.on_time(now());
    }
    drain_orphans();
    if (polled_[2].revents != 0) {
        report_addresses();
    }
    host_away_ = false;
    if (polled_[0].revents != 0 || polled_[0].fd < 0) {
        read_port();
    }
    pump();
    return !ending_;
}

void Agent::read_port()
{
    std::array<char, 65536> piece{};
    const auto count = ::read(port_.get(), piece.data(), piece.size());
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        // The host closed its end: what was half read or not yet sent belongs to nobody.
        // A virtio port comes back; a socket (in tests) does not.
        host_away_ = true;
        ending_ = ending_ || ::fcntl(port_.get(), F_GETFD) < 0;
        reader_.reset();
        out_.clear();
        greeted_ = false;
        for (auto& [operation, exec] : execs_) {
            exec.detach(now());
        }
        return;
    }
    if (count > 0) {
        reader_.feed({piece.data(), static_cast<std::size_t>(count)});
    }
    while (true) {
        const auto payload = reader_.next();
        if (!payload || !*payload) {
            return;
        }
        if (const auto frame = proto::decode_guest_frame(**payload)) {
            take(*frame);
        }
    }
}

void Agent::write_port()
{
    while (!out_.empty() && !host_away_) {
        const auto count = ::write(port_.get(), out_.data(), out_.size());
        if (count > 0) {
            out_.erase(0, static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            return; // Full, or nobody listens: a new session begins with a reset.
        }
    }
}

void Agent::read_signals()
{
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        ending_ = ending_ || info.ssi_signo == SIGTERM;
    }
    reap();
}

void Agent::reap()
{
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        for (auto& [operation, exec] : execs_) {
            if (exec.pid() == pid && !exec.was_reaped()) {
                exec.reaped(status, now());
                exec.on_time(now());
            }
        }
    }
}

void Agent::reset(const proto::Session& session)
{
    session_ = session;
    greeted_ = true;
    const auto echo = proto::echo_of(session);
    out_.assign(reinterpret_cast<const char*>(echo.data()), echo.size());
    for (auto& [operation, exec] : execs_) {
        exec.detach(now());
    }
    send(0, surroundings_.hello());
    report_addresses();
}

void Agent::take(const proto::GuestFrame& frame)
{
    if (frame.kind == proto::GuestReset::kind) {
        return reset(frame.session);
    }
    if (!greeted_ || frame.session != session_) {
        return; // Of a connection that is gone.
    }
    const auto with = [&frame]<typename Message>(const Message*, auto&& act) {
        if (const auto message = proto::decode_guest_body<Message>(frame.body)) {
            act(*message);
        }
    };
    if (frame.kind == proto::GuestExec::kind) {
        return begin(frame);
    }
    if (frame.kind == proto::GuestExecAck::kind) {
        return with(static_cast<proto::GuestExecAck*>(nullptr), [this](const auto& ack) {
            std::erase_if(execs_, [&ack](const auto& known) {
                return known.first == ack.operation_id && known.second.ended();
            });
        });
    }
    if (frame.kind == proto::GuestBecome::kind) {
        return with(static_cast<proto::GuestBecome*>(nullptr),
                    [this](const auto& self) { become(self); });
    }
    if (frame.kind == proto::GuestFreeze::kind) {
        return with(static_cast<proto::GuestFreeze*>(nullptr),
                    [this](const auto& request) { freeze(request); });
    }
    if (frame.kind == proto::GuestThaw::kind) {
        return with(static_cast<proto::GuestThaw*>(nullptr),
                    [this](const auto& self) { surroundings_.thaw(self.time_unix_us); });
    }
    if (frame.kind == proto::GuestPing::kind) {
        return with(static_cast<proto::GuestPing*>(nullptr),
                    [this](const auto& ping) { send(0, proto::GuestPong{ping.token}); });
    }
    if (frame.kind == proto::GuestShutdown::kind) {
        return with(static_cast<proto::GuestShutdown*>(nullptr),
                    [this](const auto& down) { surroundings_.power_off(down.reboot); });
    }
    auto* exec = of_stream(frame.stream);
    if (exec == nullptr) {
        return; // A kind that this agent does not know, or a stream that ended.
    }
    if (frame.kind == proto::GuestStdin::kind) {
        with(static_cast<proto::GuestStdin*>(nullptr),
             [exec](const auto& piece) { exec->take_stdin(piece); });
    } else if (frame.kind == proto::GuestCredit::kind) {
        with(static_cast<proto::GuestCredit*>(nullptr),
             [exec](const auto& credit) { exec->take_credit(credit); });
    } else if (frame.kind == proto::GuestSignal::kind) {
        with(static_cast<proto::GuestSignal*>(nullptr),
             [exec](const auto& signal) { exec->signal(signal.signal); });
    } else if (frame.kind == proto::GuestResize::kind) {
        with(static_cast<proto::GuestResize*>(nullptr), [exec](const auto& size) {
            exec->resize({size.rows, size.columns});
        });
    }
}

void Agent::become(const proto::GuestBecome& self)
{
    const auto before = surroundings_.hello().identity;
    if (!surroundings_.become(self)) {
        return; // The host waits in vain and tries again; that it did not is all there is to say.
    }
    if (!before.empty() && before != self.identity) {
        for (auto& [operation, exec] : execs_) {
            exec.let_go(); // The source's own host reads its own.
        }
    }
    send(0, proto::GuestBecame{self.identity});
    report_addresses(); // The host believes only those that it hears of after that.
}

void Agent::freeze(const proto::GuestFreeze& request)
{
    const auto done = surroundings_.freeze();
    const auto still = done ? std::max<std::int64_t>(done->count(), 1) : 0;
    send(0,
         proto::GuestFrozen{request.token,
                            done.has_value(),
                            static_cast<std::uint64_t>(still),
                            done ? "" : done.error().message.substr(0, 1000)});
}

Exec* Agent::of_stream(std::uint32_t stream)
{
    const auto found = std::ranges::find_if(
        execs_, [stream](const auto& entry) { return entry.second.stream() == stream; });
    return stream == 0 || found == execs_.end() ? nullptr : &found->second;
}

void Agent::send_error(std::uint32_t stream, const common::Error& error)
{
    send(stream,
         proto::GuestExecError{std::string{reason_of(error)}, error.message.substr(0, 1000)});
}

void Agent::begin(const proto::GuestFrame& frame)
{
    const auto request = proto::decode_guest_body<proto::GuestExec>(frame.body);
    if (!request) {
        return send_error(frame.stream, request.error());
    }
    auto known = execs_.find(request->operation_id);
    if (known == execs_.end() && request->resumed) {
        return send_error(frame.stream,
                          {ErrorCode::not_found, "no such operation", "unknown_operation"});
    }
    if (known == execs_.end() && surroundings_.frozen()) {
        // It would stand still before it is a program, and the agent with it.
        return send_error(frame.stream,
                          {ErrorCode::rate_limited, "the guest stands still", "busy"});
    }
    if (known == execs_.end()) {
        evict();
        const auto running =
            std::ranges::count_if(execs_, [](const auto& entry) { return !entry.second.ended(); });
        if (static_cast<std::size_t>(running) >= limits_.running) {
            return send_error(frame.stream,
                              {ErrorCode::rate_limited, "too many commands run already", "busy"});
        }
        auto started = Exec::start(*request, surroundings_.group(), services_, now());
        if (!started) {
            return send_error(frame.stream, started.error());
        }
        known = execs_.emplace(request->operation_id, *std::move(started)).first;
    }
    send(frame.stream, known->second.attach(frame.stream, request->from));
}

/// Forgets the oldest ended commands while there are too many, or their output is too large.
void Agent::evict()
{
    while (true) {
        std::size_t bytes = 0;
        std::size_t ended = 0;
        auto oldest = execs_.end();
        for (auto exec = execs_.begin(); exec != execs_.end(); ++exec) {
            bytes += exec->second.kept_bytes();
            if (exec->second.ended()) {
                ++ended;
                if (oldest == execs_.end() || exec->second.ended_at() < oldest->second.ended_at()) {
                    oldest = exec;
                }
            }
        }
        if (oldest == execs_.end() || (ended < limits_.ended && bytes < limits_.kept_bytes)) {
            return;
        }
        execs_.erase(oldest);
    }
}

void Agent::report_addresses()
{
    std::array<char, 8192> news{};
    while (net_events_ >= 0 && ::read(net_events_, news.data(), news.size()) > 0) {
        // What changed is not of interest, only that something did.
    }
    if (greeted_) {
        send(0, proto::GuestNet{surroundings_.addresses()});
    }
}

/// Turns what the commands have into frames, as long as the port keeps up.
void Agent::pump()
{
    for (auto& [operation, exec] : execs_) {
        if (exec.ended()) {
            // Background processes may hold the pipes: what they write is read and dropped,
            // so that they neither block nor die of it.
            for (auto pipe : {&Exec::take_out_pipe, &Exec::take_err_pipe}) {
                if (auto fd = (exec.*pipe)(); fd) {
                    orphan_pipes_.push_back(std::move(fd));
                }
            }
        }
        if (exec.stream() == 0 || !greeted_) {
            continue;
        }
        if (const auto grant = exec.take_stdin_grant(); grant > 0) {
            send(exec.stream(), proto::GuestCredit{"stdin", grant});
        }
        while (out_.size() < limits_.unsent_bytes) {
            const auto piece = exec.next_output();
            if (!piece) {
                break;
            }
            send(exec.stream(), *piece);
        }
        if (const auto exit = exec.next_exit()) {
            send(exec.stream(), *exit);
        }
    }
    while (orphan_pipes_.size() > limits_.orphan_pipes) {
        orphan_pipes_.pop_front();
    }
    write_port();
}

void Agent::drain_orphans()
{
    std::array<char, 65536> dropped{};
    std::erase_if(orphan_pipes_, [&dropped](const common::UniqueFd& pipe) {
        const auto count = ::read(pipe.get(), dropped.data(), dropped.size());
        return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    });
}

} // namespace guest
