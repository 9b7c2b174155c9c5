#pragma once

#include "coordinator/core/fleet.hpp"

#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace coordinator {

/// Who is blocked until the host of a sandbox has done something for it. Each of them holds a
/// thread of the API: a host that hangs may not hold them all, or nobody could ask anything of the
/// others.
///
/// Where there are several hosts, one of them is waited for by at most three quarters of all; by
/// the oldest quarter, once its heartbeat is late. What was asked of it goes on. The core thread's
/// own.
class Callers {
public:
    using Ticket = std::uint64_t;
    using Full = std::map<common::HostName, std::string>;

    /// `most`: how many may be blocked at once, whoever they wait for; at least 1.
    Callers(const Fleet& fleet, unsigned most) : fleet_{fleet}, most_{most} {}

    /// `rate_limited` (host_busy) or `unavailable` (host_unreachable) if no more may wait for its
    /// host. Of a sandbox that is not known anybody may: he will be told so.
    [[nodiscard]] common::Result<> may_wait(const common::SandboxId& about) const;
    /// Likewise of what asks all hosts at once: a quarter may. Such a one waits about no sandbox.
    [[nodiscard]] common::Result<> may_wait_for_all() const;
    /// Hosts that no more may wait for, and why: what is new is better made elsewhere. A sandbox
    /// that changed hosts since the last tick counts where it was.
    [[nodiscard]] Full full() const;
    /// `give_up` tells the caller that nobody knows; at most once, and not after remove().
    Ticket add(const common::SandboxId& about, std::function<void()> give_up);
    void remove(Ticket ticket);

    /// Tells those who wait for what does not answer, the latest first. `is_moving`: who asked of
    /// such a sandbox does not wait for that host alone.
    void tick(const std::function<bool(const common::SandboxId&)>& is_moving);
    /// Nobody is told anything by this: their replies are let go of.
    void clear();

private:
    struct Waiting {
        common::SandboxId about;
        std::optional<common::HostName> host; ///< As of the last tick; empty: all. Nothing: none.
        std::function<void()> give_up;
    };
    /// Of its sandbox; nullptr if that is not known, or on none.
    [[nodiscard]] const KnownHost* host_of(const common::SandboxId& id) const;
    [[nodiscard]] std::size_t share_of(HostHealth health) const;
    /// With those who wait for all; empty: those alone.
    [[nodiscard]] std::size_t waiting_for(const common::HostName& host) const;
    [[nodiscard]] std::optional<common::HostName> counted_for(const common::SandboxId& id) const;
    void count(Waiting& waiting);
    void recount();

    const Fleet& fleet_;
    const std::size_t most_;
    Ticket last_ = 0;
    std::map<Ticket, Waiting> waiting_; ///< The oldest first.
    std::map<common::HostName, std::size_t> counts_;
};

} // namespace coordinator
