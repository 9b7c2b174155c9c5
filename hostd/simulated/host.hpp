#pragma once

#include "hostd/core/answer_book.hpp"
#include "hostd/core/uplink.hpp"
#include "hostd/simulated/shape.hpp"
#include "hostd/simulated/timers.hpp"

#include <deque>
#include <memory>
#include <unordered_map>

namespace hostd::simulated {

/// What came of what one host, or many, were asked for.
struct Counts {
    std::uint64_t creates = 0;   ///< Sandboxes that were made, also by a clone or a fetch.
    std::uint64_t boots = 0;     ///< Until the agent said hello.
    std::uint64_t execs = 0;     ///< Commands.
    std::uint64_t destroyed = 0; ///< That there were.
    std::uint64_t refused = 0;   ///< Creates, by the dice.
    std::uint64_t failed = 0;    ///< Likewise: undone half way.
    std::uint64_t oversold = 0; ///< Creates and wakings that there was no room for: never asked for
                                ///< by a coordinator that counts right.
    std::uint64_t repeated = 0; ///< Commands that had come before, and were not done again.

    Counts& operator+=(const Counts& other);
};

/// One host that is not there: a table of sandboxes that take their time. Speaks to the coordinator
/// by the port that a real host's core does, with the same values, admission and answer book; has
/// neither threads nor files. What a real one does between power-on and hello, in pauses or in
/// moves of checkpoints is a wait here. Of one sandbox one thing is done after another; one that
/// boots is not interrupted. One thread.
class Host {
public:
    struct Ports {
        Uplink& uplink;
        const common::Clock& clock;
        Timers& timers;
        Dice& dice;
    };

    Host(std::string name,
         std::size_t number,
         const Shape& shape,
         const Behaviour& ways,
         Ports ports);
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    /// What the coordinator wants.
    void take(Command command);
    [[nodiscard]] HostReport report() const;

    /// Its power is cut: what ran has stopped, what was under way is forgotten.
    void power_cut();
    /// Time stands still for it, until go_on().
    void hang() { hangs_ = true; }
    void go_on();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
    [[nodiscard]] std::size_t sandboxes() const noexcept { return table_.size(); }
    [[nodiscard]] std::vector<SandboxStatus> all() const;
    /// By what is running, suspended or stopped here now.
    [[nodiscard]] Commitment committed() const;

private:
    struct Sandbox {
        SandboxSpec spec;
        std::string digest;
        Phase phase = Phase::created;
        std::uint64_t generation = 0;
        std::uint64_t incarnation = 1;
        bool is_made = false;      ///< All of it is there; else it goes with its host's power.
        std::uint32_t address = 0; ///< Its number on this host, that MAC and IP are made of.
    };
    struct Operation {
        Command command;
        common::SteadyTime received;
    };
    using Op = std::shared_ptr<const Operation>;
    using Task = std::function<void()>;
    using Timings = std::map<std::string, std::chrono::microseconds>;

    struct Visitor;

    static bool is_answered(const Command& command);
    void carry_out(const Op& op);
    void
    answer(const Op& op, decltype(Answer::value) value, std::optional<common::Error> error = {});
    void fail(const Op& op, common::Error error) { answer(op, {}, std::move(error)); }
    void publish(const Sandbox& sandbox) { ports_.uplink.status(status_of(sandbox)); }
    void send_inventory();
    [[nodiscard]] SandboxStatus status_of(const Sandbox& sandbox,
                                          const Timings& timings = {}) const;
    [[nodiscard]] Sandbox* find(const common::SandboxId& id);
    /// The sandbox that it is for, if it is not outdated; else it has failed.
    Sandbox* current(const Op& op, const common::SandboxId& id);

    /// `task` after `delay`, unless the power is cut before.
    void later(std::chrono::milliseconds delay, Task task);
    /// Of one sandbox one step after another.
    void in_lane(const common::SandboxId& id, Task step);
    void leave_lane(const common::SandboxId& id);
    /// In its lane, if it is there by then and this is not outdated.
    void in_lane_of(const Op& op, const common::SandboxId& id, std::function<void(Sandbox&)> step);
    void with_start_slot(Task task);
    void release_start_slot();

    // host_life.cpp
    void create(const Op& op, const CreateCommand& command);
    common::Result<> may_create(const CreateCommand& command);
    void make(const Op& op, const CreateCommand& command);
    void boot(const Op& op, const common::SandboxId& id, Timings timings);
    void up(const Op& op, Sandbox& sandbox, const Timings& timings);
    void start(const Op& op, const common::SandboxId& id);
    void stop(const Op& op, const common::SandboxId& id);
    void claim(const Op& op, const ClaimCommand& command);
    void destroy(const Op& op, const common::SandboxId& id);
    /// After `span` it is in this phase, and whoever asked is told.
    void become(const Op& op, Sandbox& sandbox, const Span& span, Phase phase);
    void exec(const Op& op, const ExecCommand& command);
    void read(const Op& op, const common::SandboxId& id);

    // host_state.cpp
    void pause(const Op& op, const common::SandboxId& id);
    void suspend(const Op& op, const common::SandboxId& id);
    void resume(const Op& op, Sandbox& sandbox);
    void take_checkpoint(const Op& op, const SnapshotCommand& command);
    void restore(const Op& op, const RestoreCommand& command);
    void answer_checkpoint(const Op& op, const common::SnapshotId& snapshot);
    void delete_checkpoint(const Op& op, const common::SnapshotId& snapshot);
    void offer(const Op& op, const common::SnapshotId& snapshot);
    void fetch(const Op& op, const FetchSnapshotCommand& command);
    void make_image(const Op& op, const MakeImageCommand& command);
    void add_image(const Op& op, const ImageRecipe& recipe);
    void remove_image(const Op& op, const RemoveImageCommand& command);
    [[nodiscard]] std::vector<Image>::iterator image(const common::ImageName& name);

    const std::string name_;
    const std::size_t number_;
    const Shape& shape_;
    const Behaviour& ways_;
    const Ports ports_;

    std::vector<Image> images_;
    std::unordered_map<common::SandboxId, Sandbox> table_;
    std::unordered_map<common::SandboxId, std::deque<Task>> lanes_;
    std::map<common::SnapshotId, Checkpoint> checkpoints_;
    AnswerBook answers_;
    std::deque<Task> start_line_;
    unsigned starting_ = 0;
    std::uint32_t made_ = 0;
    std::uint64_t power_cuts_ = 0;
    bool hangs_ = false;
    std::deque<Task> held_; ///< What came due while it hung.
    Counts counts_;
};

} // namespace hostd::simulated
