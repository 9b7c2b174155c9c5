#pragma once

#include "common/result.hpp"
#include "hostd/core/live_exec.hpp"
#include "hostd/core/model.hpp"

#include <functional>
#include <optional>

namespace hostd {

/// What the channel to one guest noticed. All of it is the guest's word: a hint.
struct GuestEvent {
    enum class Kind { ready, lost, addresses, misbehaved };
    Kind kind;
    common::SandboxId sandbox;
    std::string boot_id;                ///< With ready.
    std::vector<std::string> addresses; ///< IPv4, with addresses; already checked for form.
    std::string detail;                 ///< With misbehaved: what it did; the channel was closed.
};

/// Who a guest is to be. What it is already is left as it is.
struct GuestIdentity {
    std::string hostname;
    std::string mac; ///< "" without a network.
    std::string ip;  ///< IPv4, likewise.
};

/// Our agents in the guests: one multiplexed channel per VM. Calls are from any
/// thread and return at once; observers and completions run on the channels' own
/// thread and must only enqueue.
class Guests {
public:
    using Observer = std::function<void(const GuestEvent&)>;
    using Completion = std::function<void(common::Result<ExecOutcome>)>;

    virtual ~Guests() = default;

    /// Set once, before use.
    virtual void observe(Observer observer) = 0;

    /// Connects to the agent's socket and keeps connecting until detach(): the guest
    /// may boot, reboot, or be restored. Success if attached already.
    virtual void attach(const common::SandboxId& id,
                        const std::filesystem::path& socket,
                        GuestIdentity identity) = 0;

    /// Closes the channel; running execs complete with `why`, or with `timeout` (reason
    /// outcome_unknown).
    virtual void detach(const common::SandboxId& id,
                        std::optional<common::Error> why = std::nullopt) = 0;

    /// Everything in the guest but its agent stands still, so that its state can be captured;
    /// also what it has not written is flushed to its disk. `done` once, when it does or within
    /// a few seconds; with how long it has stood still by then, by its own word, which is never
    /// more than since it was asked. `unavailable` (reason guest_not_frozen) if the agent does not
    /// do it.
    using Frozen = std::function<void(common::Result<std::chrono::microseconds>)>;
    virtual void freeze(const common::SandboxId& id, Frozen done) = 0;
    /// Lets all of it go on. A guest that was loaded goes on by itself once it is `ready`: it has
    /// fresh randomness, its clock is set, and it is who attach() said.
    virtual void thaw(const common::SandboxId& id) = 0;

    /// It is to be somebody else from now on, as if attached with this; a guest that was paused
    /// goes on. `ready` follows, once it is.
    virtual void become(const common::SandboxId& id, GuestIdentity identity) = 0;

    /// The guest gets no CPU from now on: nothing is asked of it, and no time passes for the
    /// commands in it, until resume(). Both may be repeated.
    virtual void pause(const common::SandboxId& id) = 0;
    virtual void resume(const common::SandboxId& id) = 0;

    /// Runs a command and completes once. The same operation again joins the running
    /// one, or gets its kept outcome. `unavailable` (reason agent_not_ready) if there is no
    /// session; `timeout` (reason outcome_unknown) when the guest went away for good.
    /// A dropped channel alone completes nothing: the agent keeps the outcome.
    virtual void exec(const common::SandboxId& id, ExecSpec exec, Completion done) = 0;

    /// What readers of live execs are told. Set once, before observe().
    using ReaderObserver = std::function<void(ReaderNews)>;
    virtual void observe_readers(ReaderObserver observer) = 0;
    /// From a position on, or from the oldest that is kept. News follows: that it is `gone` if
    /// there is no such exec, or no room for one more reader.
    virtual void open_reader(const common::SandboxId& id,
                             const ExecReader& reader,
                             std::uint64_t from,
                             std::uint32_t credit) = 0;
    virtual void
    grant_reader(const common::SandboxId& id, const ExecReader& reader, std::uint32_t bytes) = 0;
    virtual void close_reader(const common::SandboxId& id, const ExecReader& reader) = 0;
    /// One at a time in each guest, whether or not it has a channel now: the latest counts. Told
    /// to whom observe_readers() names.
    virtual void watch_output(const common::SandboxId& id, OutputWatch watch) = 0;
    virtual void unwatch_output(const common::SandboxId& id, std::uint64_t number) = 0;
    /// Of all guests, and those who watch: whoever they were for is gone.
    virtual void close_readers() = 0;
    /// Stdin is taken whole or not at all: `rate_limited` (reason stdin_full) while the command
    /// does not read what it has. `not_found` (no_such_exec) unless it runs.
    using Taken = std::function<void(common::Result<>)>;
    virtual void input(const common::SandboxId& id,
                       const common::OperationId& operation,
                       ExecInput input,
                       Taken done) = 0;

    /// The outcome is committed: the agent may forget it.
    virtual void acknowledge(const common::SandboxId& id, const common::OperationId& operation) = 0;

    /// Asks the agent to power off cleanly. `unavailable` without a session.
    virtual common::Result<> request_shutdown(const common::SandboxId& id) = 0;
};

} // namespace hostd
