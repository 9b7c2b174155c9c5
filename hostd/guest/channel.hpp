#pragma once

#include "common/unique_fd.hpp"
#include "hostd/guest/exec_run.hpp"
#include "hostd/guest/limits.hpp"

#include <map>
#include <memory>
#include <optional>

namespace hostd::guest {

/// Who watches what the live execs of one guest write. Kept while the guest has no channel.
struct Watching {
    std::uint64_t number = 0;
    std::uint64_t credit = 0;
    std::map<common::OperationId, std::uint64_t> from{}; ///< As OutputWatch has it.
    common::OperationId last{};                          ///< That had its turn.
};

/// The channel to one guest's agent: connects, resynchronises, greets, runs execs,
/// and starts over after every loss or violation.
///
///   waiting ──connect──▶ syncing ──echo──▶ greeting ──hello──▶ ready
///      ▲                    │                  │ hello of a copy,   ▲ │
///      │                    │                  │ or frozen          │ │
///      │                    │                  └──▶ becoming ─became┘ │
///      └──── backoff ◀──────┴──────── lost, late or violated ─────────┘
///
/// Each hello is answered with `become`, which also thaws: a guest that stood still when its
/// channel was lost goes on with the next.
///
/// Not thread-safe: belongs to the channels' thread. Nothing here blocks; progress is
/// made by on_readable(), on_writable() and on_time().
class Channel {
public:
    Channel(common::SandboxId id,
            std::filesystem::path socket,
            GuestIdentity identity,
            const common::Clock& clock,
            const ChannelLimits& limits,
            const Guests::Observer& observer,
            const Guests::ReaderObserver& readers);

    [[nodiscard]] const common::SandboxId& id() const noexcept { return id_; }
    /// The socket, or -1; connection() changes with each new one.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] std::uint64_t connection() const noexcept { return connection_; }
    [[nodiscard]] bool wants_write() const noexcept { return !out_.empty(); }
    [[nodiscard]] bool ready() const noexcept { return state_ == State::ready; }

    /// Reads at most limits.turn_bytes: the guests take turns.
    void on_readable();
    void on_writable();
    /// Does what is due and says when it wants to be called next.
    common::SteadyTime on_time(common::SteadyTime now);

    /// While the guest stands still the command waits, and so does its time.
    void exec(ExecSpec spec, Guests::Completion done);
    void acknowledge(const common::OperationId& operation);
    /// Of a live exec, as all four. See Guests.
    void open_reader(const ExecReader& reader, std::uint64_t from, std::uint32_t credit);
    void grant_reader(const ExecReader& reader, std::uint32_t bytes);
    void close_reader(const ExecReader& reader);
    void input(const common::OperationId& operation, ExecInput input, Guests::Taken done);
    void close_readers();
    /// Somebody watches from now on, or, null, nobody any more. It must stay where it is meanwhile.
    void watch(Watching* watching);
    /// There is more credit for who watches.
    void tell_watched();
    void request_shutdown();
    void freeze(Guests::Frozen done);
    void thaw();
    /// It is told so now, or by the answer to its next hello.
    void become(GuestIdentity identity);
    /// Until resume() nothing is due: all that waits is moved on by the time between.
    void pause();
    void resume();
    /// Ends for good: whoever waits learns `why`, or that the outcome is unknown.
    void abandon(std::optional<common::Error> why);

private:
    enum class State { waiting, syncing, greeting, becoming, ready };
    enum class Motion { running, freezing, frozen };
    struct WaitingInput {
        StdinPiece piece;
        Guests::Taken done;
        common::SteadyTime until; ///< Then it is not taken.
    };
    struct Run {
        ExecRun exec;
        std::uint32_t stream;                       ///< 0: not sent yet.
        std::optional<common::SteadyTime> deadline; ///< Until answered.
        common::SteadyTime expected_until; ///< Until then a live one waits for somebody to read it.
        bool started = false;
        /// Of a live one that has ended, and is kept for who reads it.
        std::optional<common::Result<ExecOutcome>> outcome{};
        common::SteadyTime ended_at{};
        bool acknowledged = false;
        /// Of a call that nobody reads: when it is to be ended.
        std::optional<common::SteadyTime> unwanted_at{};
        std::optional<WaitingInput> input{}; ///< For room.
    };
    using Runs = std::map<common::OperationId, Run>;

    // channel_io.cpp: the socket and the session.
    void connect(common::SteadyTime now);
    void take_bytes(std::string_view bytes);
    void take_frames();
    void close(std::string_view why);
    void violation(const std::string& what);
    void enter(State state, std::chrono::milliseconds limit);
    template <typename Message>
    void send(std::uint32_t stream, const Message& message);

    // channel.cpp: what the frames mean. An error is a violation.
    common::Result<> take(const proto::GuestFrame& frame);
    common::Result<> take_hello(const proto::GuestHello& hello);
    common::Result<> take_of_channel(const proto::GuestFrame& frame);
    common::Result<> take_net(const proto::GuestNet& net);
    common::Result<> take_of_run(const proto::GuestFrame& frame, Runs::iterator run);
    void be_ready();
    common::SteadyTime on_run_time(common::SteadyTime now);
    void start(Run& run);
    void shift_runs(std::chrono::steady_clock::duration time);
    void forget_unawaited();
    [[nodiscard]] std::size_t running() const;
    void send_stdin(Run& run);
    void finish(Runs::iterator run, const common::Result<ExecOutcome>& outcome);
    common::Result<> take_started(const proto::GuestStarted& started, Run& run);
    void emit(GuestEvent::Kind kind, GuestEvent event = {});

    // channel_live.cpp: those who read live execs.
    void tell_readers(Run& run);
    void tell_gone(const ExecReader& reader) const;
    void forget_ended(common::SteadyTime now);
    void open_window(Run& run);
    void serve_input(Run& run);
    void give_up_live(const common::OperationId& operation, Run& run);
    void let_end(Run& run, common::SteadyTime at);
    [[nodiscard]] std::chrono::milliseconds patience_with_readers(const ExecSpec& spec) const;
    common::SteadyTime on_live_time(common::SteadyTime now, Run& run);

    // channel_watch.cpp: those who watch them.
    void watch_new(Run& run);
    bool tell_watched_piece(Run& run);
    void end_watched(Run& run, common::SteadyTime now);
    void tell_watched_of(Run& run);

    // channel_identity.cpp: who it is, and standing still.
    void send_identity();
    common::Result<> take_became(const proto::GuestBecame& became);
    void take_frozen(const proto::GuestFrozen& frozen);
    void on_freeze_time(common::SteadyTime now);
    void give_up_freezing(const std::string& why);
    void go_on();

    const common::SandboxId id_;
    const std::filesystem::path socket_;
    GuestIdentity identity_;
    const common::Clock& clock_;
    const ChannelLimits& limits_;
    const Guests::Observer& observer_;
    const Guests::ReaderObserver& readers_;

    common::UniqueFd fd_;
    std::uint64_t connection_ = 0;
    State state_ = State::waiting;
    std::optional<common::SteadyTime> paused_;
    common::SteadyTime due_{}; ///< Next try while waiting; end of patience in other states.
    std::chrono::milliseconds retry_{0};
    std::chrono::milliseconds penalty_{0};

    proto::Session session_{};
    std::optional<proto::EchoFinder> echo_;
    proto::FrameReader reader_{proto::FrameReader::OnDamage::stop};
    std::string out_;
    std::size_t frameless_ = 0;
    std::size_t useless_ = 0;
    std::size_t becoming_ = 0; ///< Answers to come, one for each `become` of this connection.
    common::SteadyTime useless_since_{};
    common::SteadyTime ready_since_{};
    common::SteadyTime heard_{};
    common::SteadyTime pinged_{};

    Motion motion_ = Motion::running;
    std::uint64_t freeze_ = 0;         ///< Numbers the freezes of all sessions.
    Guests::Frozen frozen_;            ///< Set while freezing.
    common::SteadyTime freeze_due_{};  ///< While freezing.
    common::SteadyTime still_since_{}; ///< Unless running.

    std::string boot_id_;
    bool knows_live_ = false; ///< Its agent does.
    bool knows_calls_ = false;
    std::vector<std::string> addresses_;
    common::SteadyTime addresses_at_{};
    std::uint32_t last_stream_ = 0;
    std::map<std::uint32_t, common::OperationId> streams_;
    Runs runs_;
    Watching* watching_ = nullptr; ///< Of GuestChannels.
};

} // namespace hostd::guest
