#pragma once

#include "common/unique_fd.hpp"
#include "guest/exec.hpp"
#include "proto/guest_messages.hpp"

#include <deque>
#include <map>
#include <poll.h>
#include <string>
#include <vector>

namespace guest {

struct AgentLimits {
    std::size_t running = 64;                           ///< Commands at once; more are `busy`.
    std::size_t ended = 256;                            ///< Outcomes kept unacknowledged …
    std::size_t kept_bytes = std::size_t{64} << 20U;    ///< … and output; the oldest ended go.
    std::size_t orphan_pipes = 256;                     ///< Of background processes, drained.
    std::size_t unsent_bytes = std::size_t{512} << 10U; ///< Queued for the port.
    std::chrono::milliseconds reopen_interval{50};
};

/// What the agent does beyond commands, so that tests can do without it.
class Surroundings {
public:
    virtual ~Surroundings() = default;
    /// All of it is done, and nothing stands still any more, when this succeeds.
    virtual common::Result<> become(const proto::GuestBecome& self) = 0;
    /// Everything but the agent; blocks for a few seconds at most. See GuestFreeze. The value: for
    /// how long it has stood still by now.
    virtual common::Result<std::chrono::microseconds> freeze() = 0;
    /// All of it goes on; the clock has this time, unless it is 0.
    virtual void thaw(std::int64_t time_unix_us) = 0;
    [[nodiscard]] virtual bool frozen() const = 0;
    virtual void power_off(bool reboot) = 0;
    [[nodiscard]] virtual proto::GuestHello hello() const = 0;
    [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;
    /// The cgroup that commands run in; empty for the agent's own.
    [[nodiscard]] virtual const std::string& group() const = 0;
};

/// The agent: one port, one session at a time, many commands. One thread calls run();
/// the signals SIGCHLD and SIGTERM must be blocked in it. Follows proto/guest_frame.hpp
/// and proto/guest_messages.hpp. The host is trusted, but bounded all the same.
class Agent {
public:
    /// `port`: an open virtio port or socket, non-blocking. `net_events`: a descriptor that
    /// becomes readable when addresses may have changed, or -1.
    Agent(common::UniqueFd port,
          Surroundings& surroundings,
          int net_events,
          AgentLimits limits,
          Services services = {});

    /// One turn: waits at most `patience` for something to do, and does it. False when it
    /// is time to end (SIGTERM, or the port is gone for good).
    bool turn(std::chrono::milliseconds patience);

    [[nodiscard]] bool greeted() const noexcept { return greeted_; }
    [[nodiscard]] std::size_t known_execs() const noexcept { return execs_.size(); }

private:
    void read_port();
    void write_port();
    void read_signals();
    void reap();
    void take(const proto::GuestFrame& frame);
    void reset(const proto::Session& session);
    void begin(const proto::GuestFrame& frame);
    void become(const proto::GuestBecome& self);
    void freeze(const proto::GuestFreeze& request);
    void evict();
    void report_addresses();
    void pump();
    void drain_orphans();
    Exec* of_stream(std::uint32_t stream);
    [[nodiscard]] int poll_timeout(std::chrono::milliseconds patience);

    template <typename Message>
    void send(std::uint32_t stream, const Message& message)
    {
        out_ += proto::guest_frame(session_, stream, message);
    }
    void send_error(std::uint32_t stream, const common::Error& error);

    common::UniqueFd port_;
    common::UniqueFd signals_;
    Surroundings& surroundings_;
    int net_events_;
    AgentLimits limits_;
    Services services_;

    proto::FrameReader reader_{proto::FrameReader::OnDamage::skip};
    proto::Session session_{};
    bool greeted_ = false;
    bool host_away_ = false;
    bool ending_ = false;
    std::string out_;
    std::map<std::string, Exec> execs_; ///< By operation id.
    std::deque<common::UniqueFd> orphan_pipes_;
    std::vector<pollfd> polled_;
};

} // namespace guest
