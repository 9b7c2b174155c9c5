#pragma once

#include "hostd/core/uplink.hpp"
#include "hostd/link/status_log.hpp"
#include "proto/envelope.hpp"

#include <functional>
#include <map>

namespace hostd::link {

/// All that this host has.
struct Everything {
    std::vector<SandboxStatus> sandboxes;
    std::vector<Checkpoint> checkpoints;
};

/// Who is in use.
struct Active {
    std::vector<common::SandboxId> sandboxes;
};

/// What the core hands to the link.
using Outgoing =
    std::variant<Answer, SandboxStatus, Everything, Active, ReaderNews, PieceWish, Piece>;

struct SessionSettings {
    std::chrono::milliseconds hello_timeout{5000}; ///< Until a welcome, from the connection on.
    std::chrono::milliseconds heartbeat{2000};     ///< Until a welcome names another.
    std::size_t answers_kept = 1024;               ///< While there is no welcome.
    std::size_t statuses_kept = 4096;
};

/// The conversation with the coordinator, without its socket: hello and welcome,
/// heartbeats, statuses until they are committed, commands in and answers out.
/// Survives its connections: what is not committed is said again on the next. One
/// thread (the link's).
class Session {
public:
    struct Ways {
        std::function<void(std::string)> send; ///< To the coordinator, encoded.
        std::function<void(Command)> command;  ///< To the core; returns at once.
        std::function<HostReport()> report;    ///< What this host is now; returns at once.
        std::function<BootTime()> time = &BootClock::now;
    };
    enum class State { disconnected, greeting, welcomed };

    Session(SessionSettings settings, const common::Clock& clock, Ways ways);

    /// The connection stands: says hello.
    void connected();
    void disconnected();
    /// One message from the coordinator. Whatever is wrong with it is logged and answered.
    void receive(std::string_view bytes);
    /// Something from the core.
    void push(Outgoing item);

    /// Sends what is due; the result is when to call again.
    common::SteadyTime on_time(common::SteadyTime now);
    /// The connection is of no use: it was refused, or the hello not answered.
    [[nodiscard]] bool given_up() const noexcept { return given_up_; }
    [[nodiscard]] State state() const noexcept { return state_; }
    /// The highest that any coordinator has had.
    [[nodiscard]] std::uint64_t epoch() const noexcept { return highest_epoch_; }
    /// What to send to a coordinator beside the connected one, to hear its epoch: it refuses
    /// whatever comes without a hello, and changes nothing.
    [[nodiscard]] std::string question() const;

private:
    template <typename Message>
    void send(const Message& message,
              const std::string& operation = {},
              const std::string& request = {});
    void welcome(const proto::Envelope& envelope);
    void refuse(const proto::Envelope& envelope);
    void beat();
    void beat_heard(std::uint64_t seq);
    void take_command(const proto::Envelope& envelope);
    void give_up(const std::string& why);
    void end_readers();
    void send_answer(const Answer& answer);
    void send_inventory(const Everything& all);

    const SessionSettings settings_;
    const common::Clock& clock_;
    const Ways ways_;
    const std::string instance_;

    State state_ = State::disconnected;
    bool given_up_ = false;
    bool may_have_readers_ = false;
    std::uint64_t highest_epoch_ = 0;
    std::uint64_t beats_ = 0;
    /// When each that is not acknowledged yet was sent, over the connection that stands.
    std::map<std::uint64_t, BootTime> beats_sent_;
    std::chrono::milliseconds heartbeat_;
    common::SteadyTime due_{};
    std::string last_refusal_; ///< Logged once, not at each retry.
    StatusLog statuses_;
    std::deque<Answer> answers_;
};

} // namespace hostd::link
