#pragma once

#include "coordinator/core/core.hpp"
#include "coordinator/core/replica.hpp"

namespace coordinator {

/// Sandboxes that go from one host to another, with their memory, disk and checkpoints.
///
/// What its host has of it is copied as checkpoints: those that people see while it runs on, then,
/// while it stands still, one of this moment. When the other host has all of them, one write makes
/// it that host's; it is created there as a clone of the last one, under its own id, and destroyed
/// where it came from. Until that write it is what it was, and goes on there if anything fails;
/// after it, it goes on only when the other host says that it has nothing of it. So it never runs
/// twice. What is asked of it while it stands still waits.
///
/// docs/moving.md has each step, and what is left when something ends in the middle of it.
///
/// The core's own, and of its thread.
class Core::Moving {
public:
    explicit Moving(Core& core) : core_{core} {}

    /// What keeps it where it is, as far as is known here.
    [[nodiscard]] common::Result<> may_move(const Sandbox& sandbox) const;
    /// Away from its host, to whichever can take it. `done` when it is there, or goes on here.
    void begin(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    [[nodiscard]] bool is_moving(const common::SandboxId& id) const { return moves_.contains(id); }
    /// Its host may not have it yet: it is made there, or will be asked for again.
    [[nodiscard]] bool is_arriving(const common::SandboxId& id) const;
    /// Runs `then` when no move has it stand still: now, or later.
    void when_free(const Caller& caller, const common::SandboxId& id, std::function<void()> then);
    [[nodiscard]] bool has_to_wait(const Caller& caller, const common::SandboxId& id) const;
    /// Hosts that could not take a sandbox of this host's are asked again at once.
    void forgive(const common::HostName& host);
    /// How many wait for that.
    [[nodiscard]] std::size_t waiting() const;

    /// What other hosts are to have of it, while it goes on (Replicating). `to`: empty for the best
    /// of those that have nothing of it yet.
    void
    begin_copy(const Caller&, const common::SandboxId&, const common::HostName& to, SandboxDone);
    /// From a host that is gone to one that has a copy. `failed_precondition`: no_replica,
    /// no_capacity, ….
    void revive(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    /// The newest copy of it that can be gone on with.
    [[nodiscard]] common::Result<Replica> revivable(const Sandbox& sandbox) const;

    /// At the start: goes on with what was under way.
    void adopt();
    /// What time brings.
    void tick();
    void finish(const Op& op, const HostAnswer& answer);
    /// False: it is for something else.
    bool on_wanted(const HostWantsPiece& wish);
    void on_given(HostGivesPiece piece);
    /// It was destroyed, whatever was under way.
    void destroyed(const common::SandboxId& id);
    /// At the end: nobody waits for a move any more.
    void stop() { moves_.clear(); }

private:
    using Kind = Pending::Kind;
    enum class Stage {
        copying,  ///< Its checkpoints; it goes on meanwhile.
        closing,  ///< What is under way in it ends; nothing more begins.
        still,    ///< It stands still, and is captured.
        crossing, ///< What was captured is copied.
        arriving, ///< It is the other host's.
        going_back,
    };
    struct Move {
        Caller caller;
        common::SandboxId id;
        common::HostName from;
        common::HostName to;
        Op op;   ///< The whole of it, from the intent to the outcome.
        Op step; ///< What a host was asked for of it.
        SandboxDone done;
        Stage stage = Stage::copying;
        Phase was = Phase::running;
        bool memory = false;                 ///< It is captured with its memory.
        bool stays = false;                  ///< Copied alone: it goes on where it is.
        bool revived = false;                ///< Of a copy, since the host that it was on is gone.
        std::uint64_t generation = 0;        ///< When it was captured, of one that stays.
        std::set<common::SnapshotId> had;    ///< The other host had these before.
        common::SnapshotId state;            ///< Of this moment.
        common::SnapshotId copying;          ///< The checkpoint that is being copied, or was last.
        std::vector<CheckpointReport> there; ///< What the other host has of it.
        std::vector<Checkpoint> before;      ///< As they were before they were that host's.
        common::SteadyTime heard;            ///< Something came of it.
        common::SteadyTime still_since;
        std::chrono::milliseconds stood_still{0};
        std::deque<std::function<void()>> waiting;
        /// Pieces that are under way: digest, offset.
        std::map<std::pair<std::string, std::uint64_t>, common::SteadyTime> wanted;
    };
    using Moved = std::shared_ptr<Move>;
    static constexpr std::chrono::seconds again_after{10}; ///< What a host could not do.
    /// For commands to end, before a move is given up for now. New ones wait as long.
    static constexpr std::chrono::seconds quiet_patience{10};
    /// A host that could not take a sandbox, and why.
    struct Shunned {
        std::string why;
        common::SteadyTime until;
    };

    // moving.cpp: from the wish to the one write.
    [[nodiscard]] common::Result<> may_go_with_memory(const Sandbox& sandbox) const;
    [[nodiscard]] common::Result<> may_arrive(const Sandbox& sandbox,
                                              const common::HostName& to) const;
    [[nodiscard]] common::Result<common::HostName>
    target(const Sandbox& sandbox, std::map<common::HostName, std::string> refused = {}) const;
    [[nodiscard]] std::string difference(const common::HostName&, const common::HostName&) const;
    void begun(const Moved& move, const common::Result<>& saved);
    [[nodiscard]] bool is_under_way(const Moved& move) const;
    [[nodiscard]] bool is_wanted(const common::SnapshotId& id) const;
    void wake(const Moved& move);
    void go_on(const Moved& move);
    [[nodiscard]] bool is_quiet(const common::SandboxId& id) const;
    [[nodiscard]] bool may_be_quiet_soon(const common::SandboxId& id) const;
    void shun(const Moved& move, const common::Error& why);
    void hold_still(const Moved& move);
    void capture(const Moved& move);
    void copy(const Moved& move, const common::SnapshotId& snapshot);
    Op ask(const Moved& move,
           Kind kind,
           const common::HostName& host,
           decltype(HostCommand::what) what);
    void finish_offer(const Moved& move, const HostAnswer& answer);
    void finish_fetch(const Moved& move, const HostAnswer& answer);
    void give_up_step(const Moved& move);
    void fail(const Moved& move, const common::Error& error);

    // moving_copies.cpp: of what stays.
    [[nodiscard]] common::Result<> may_copy(const Sandbox& sandbox) const;
    void capture_copy(const Moved& move);
    void end_copy(const Moved& move);

    // moving_reviving.cpp: of those whose host is gone.
    void end_what_was_asked(const common::SandboxId& id);
    void hand_over_copy(const Moved& move, Checkpoint state);

    // moving_over.cpp: from that write to the end.
    void hand_over(const Moved& move);
    [[nodiscard]] common::Result<> all_is_there(const Moved& move);
    void record(const Moved& move, std::function<void()> then);
    void take_back(const Moved& move);
    void finish_arrival(const Moved& move, const HostAnswer& answer);
    void arrive_again(const common::SandboxId& id);
    void return_home(const Moved& move, const common::Error& error);
    void end(const Moved& move, const std::optional<common::Error>& error);
    void fall_asleep_again(const Moved& move, const std::function<void()>& then);
    void drop_state(const Moved& move);
    void drop_copies(const Moved& move);
    static void let_in(const Moved& move);
    void let_go_on(const Caller& caller, const common::SandboxId& id, SandboxDone done);
    void unmark(const common::SandboxId& id);
    void never_left(const Sandbox& sandbox, const Checkpoint& state);
    void leave(const common::SandboxId& id);
    void remove_remains(const common::SandboxId& id, const common::HostName& host);
    void finish_leaving(const Op& op, const HostAnswer& answer);
    void wake_stranded();
    [[nodiscard]] Moved of(const Op& op) const;
    [[nodiscard]] Caller ours(const Sandbox& sandbox) const;

    Core& core_;
    std::map<common::SandboxId, Moved> moves_;
    std::map<std::pair<common::SandboxId, common::HostName>, Shunned> shunned_;
    std::set<common::SandboxId> stranded_; ///< They may stand still for a move that has ended.
};

} // namespace coordinator
