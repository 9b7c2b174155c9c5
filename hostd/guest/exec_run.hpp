#pragma once

#include "hostd/core/guests.hpp"
#include "hostd/guest/live_run.hpp"
#include "proto/guest_messages.hpp"

#include <optional>

namespace hostd::guest {

/// One command in one guest, from the host's side: what was collected and what is
/// still to be sent. Pure: no I/O, no clock. A lost channel does not end it; begin()
/// attaches it anew and collects from the start. Every check failing is the guest's
/// fault and ends the session.
class ExecRun {
public:
    ExecRun(ExecSpec spec, std::string boot_id)
        : spec_{std::move(spec)}, boot_id_{std::move(boot_id)}
    {
        if (spec_.live) {
            live_.emplace(spec_.call.empty() ? LiveRun::Unread::goes_on : LiveRun::Unread::waits);
        }
    }

    /// Adds somebody who waits for the outcome.
    void join(Guests::Completion done) { waiting_.push_back(std::move(done)); }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    [[nodiscard]] const ExecSpec& spec() const noexcept { return spec_; }
    /// The boot of the guest that this command was given to.
    [[nodiscard]] const std::string& boot_id() const noexcept { return boot_id_; }
    /// Its streams, if it is a live one.
    [[nodiscard]] LiveRun* live() noexcept { return live_ ? &*live_ : nullptr; }
    [[nodiscard]] const LiveRun* live() const noexcept { return live_ ? &*live_ : nullptr; }

    /// The frame that starts it, or attaches to it after a lost channel.
    [[nodiscard]] proto::GuestExec request() const;
    /// request(), which is sent now: what comes is collected from the start.
    proto::GuestExec begin(common::SteadyTime now, common::WallTime wall);

    /// Takes output. The value is what to grant back now, 0 for nothing yet.
    common::Result<std::uint32_t> take(proto::GuestOutput output);

    /// More stdin may be sent.
    void grant_stdin(std::uint32_t bytes);
    /// The next piece of stdin that credit allows; nothing when it must wait or is all sent.
    std::optional<proto::GuestStdin> next_stdin();

    /// The outcome that the guest's exit makes; `invalid_argument` if it contradicts
    /// the output that came.
    common::Result<ExecOutcome>
    finish(const proto::GuestExit& exit, common::SteadyTime now, common::WallTime wall);

    /// Tells everybody who waits; nobody waits afterwards.
    void complete(const common::Result<ExecOutcome>& outcome);

private:
    struct Stream {
        std::string kept;
        std::uint64_t received = 0;
        std::uint64_t allowed = proto::initial_credit; ///< The agent may send up to here.
    };

    ExecSpec spec_;
    std::string boot_id_;
    std::vector<Guests::Completion> waiting_;
    std::optional<LiveRun> live_;
    std::optional<common::SteadyTime> first_sent_;
    common::WallTime started_at_;
    Stream stdout_;
    Stream stderr_;
    std::uint64_t stdin_sent_ = 0;
    std::uint64_t stdin_credit_ = 0;
    bool stdin_ended_ = false;
};

} // namespace hostd::guest
