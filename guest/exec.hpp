#pragma once

#include "common/clock.hpp"
#include "guest/live_output.hpp"
#include "guest/spawn.hpp"
#include "proto/guest_messages.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace guest {

/// What the agent does itself when it is called (proto/guest_calls.hpp).
struct CallWork {
    /// In a process of the caller's user with nothing but its stdio and `with`; the exit status.
    std::function<int()> run;
    common::UniqueFd with; ///< And what it has as `passed_fd`, if anything.
};
/// Called in the agent: must not wait for anything.
using Service = std::function<common::Result<CallWork>(
    std::string_view request, const User& user, const std::string& group)>;
using Services = std::map<std::string, Service, std::less<>>; ///< By name.

/// Of one that needs nothing but its request.
inline Service plain_service(int (*serve)(std::string_view request))
{
    return [serve](std::string_view request, const User&, const std::string&) {
        return CallWork{[serve, wanted = std::string{request}] { return serve(wanted); }, {}};
    };
}

/// One command, from its start until its outcome is acknowledged. Knows nothing of
/// sessions: it keeps its output and tells what is to be sent next, as often as
/// somebody new wants it from the beginning.
class Exec {
public:
    /// Refused with the reasons of GuestExecError.
    static common::Result<Exec> start(const proto::GuestExec& request,
                                      const std::string& group,
                                      const Services& services,
                                      common::SteadyTime now);

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// The stream that wants its frames; 0: nobody just now.
    [[nodiscard]] std::uint32_t stream() const noexcept { return stream_; }
    /// Its main process has ended: from now on the number may be another's.
    [[nodiscard]] bool was_reaped() const noexcept { return reaped_.has_value(); }
    /// The main process ended and its output was read.
    [[nodiscard]] bool ended() const noexcept { return ended_.has_value(); }
    [[nodiscard]] common::SteadyTime ended_at() const noexcept { return *ended_; }
    [[nodiscard]] std::size_t kept_bytes() const noexcept
    {
        return out_.kept.size() + err_.kept.size() + stdin_waiting_.size() +
               (live_ ? live_->kept_bytes() : 0);
    }

    /// From now on frames are for `stream`, from the beginning or, of a live one, from `from` on,
    /// with fresh credit. The first of them.
    proto::GuestStarted attach(std::uint32_t stream, std::uint64_t from);
    void detach(common::SteadyTime now) noexcept;
    /// Nobody will attach to it: it is of the guest that this one is a copy of. A call is ended.
    void let_go() noexcept;

    void take_stdin(const proto::GuestStdin& piece);
    void take_credit(const proto::GuestCredit& credit);
    void signal(int number) const;
    void resize(TerminalSize size) const;

    /// Reads what the pipes have and writes what stdin takes; never blocks.
    void serve_pipes();
    void reaped(int wait_status, common::SteadyTime now);
    /// Kills at the time-out, and gives up on pipes that others hold open. The next time
    /// that it wants to be called.
    std::optional<common::SteadyTime> on_time(common::SteadyTime now);

    /// Calls `poll(fd, events)` for each pipe that is open.
    void pipes(const std::function<void(int fd, short events)>& poll) const;
    /// Pipes that background processes still hold; to be read and dropped by the caller. A
    /// terminal hangs up instead.
    [[nodiscard]] common::UniqueFd take_out_pipe()
    {
        auto pipe = std::move(out_.fd);
        return terminal_ ? common::UniqueFd{} : std::move(pipe);
    }
    [[nodiscard]] common::UniqueFd take_err_pipe() { return std::move(err_.fd); }

    /// The next piece of output within credit, if any.
    std::optional<proto::GuestOutput> next_output();
    /// What stdin has taken since it was last asked.
    std::uint32_t take_stdin_grant();
    /// Once: when everything kept was sent and the command has ended.
    std::optional<proto::GuestExit> next_exit();

private:
    struct Output {
        common::UniqueFd fd;
        std::string kept;
        std::uint64_t total = 0;
        std::uint64_t sent = 0;
        std::uint64_t allowed = 0;
    };

    Exec() = default;
    void read_pipe(Output& output, proto::Stdio stdio);
    [[nodiscard]] bool reads() const noexcept { return !live_ || live_->room() > 0; }
    void give_stdin();
    static std::optional<proto::GuestOutput> next_of(Output& output, const char* channel);

    pid_t pid_ = 0;
    std::uint32_t stream_ = 0;
    std::size_t limit_ = 0;
    common::SteadyTime started_;
    std::optional<common::SteadyTime> deadline_;
    std::optional<common::SteadyTime> reaped_;
    common::SteadyTime read_until_{}; ///< Before there was no room to read all.
    std::optional<common::SteadyTime> ended_;
    int wait_status_ = 0;
    bool timed_out_ = false;
    bool exit_sent_ = false;

    Output out_;
    Output err_;
    std::optional<common::SteadyTime> alone_since_; ///< Of a live one that nobody is attached to.
    std::optional<LiveOutput> live_;                ///< Then nothing is kept in those two.
    bool terminal_ = false;
    bool is_call_ = false;
    common::UniqueFd stdin_;
    std::string stdin_waiting_;
    std::uint64_t stdin_received_ = 0;
    std::uint32_t stdin_grant_ = 0;
    bool stdin_eof_ = false;
};

} // namespace guest
