#pragma once

#include "common/id.hpp"
#include "common/mutex.hpp"
#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>

namespace hostd {

/// Goes on while the machine sleeps, as its leader's clock does, and begins anew with it.
struct BootClock {
    using duration = std::chrono::milliseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept;
};
using BootTime = BootClock::time_point;

/// A stamp is written at the latest when it is so old.
inline constexpr std::chrono::seconds most_stamp_age{2};

/// What outlives this process, and need not outlive the machine: so do its VMs.
struct FenceStamp {
    BootTime heard{};                 ///< A leader has acknowledged a heartbeat that was sent then.
    FencePromise promise;             ///< As leaders were told.
    std::set<common::SandboxId> held; ///< Paused or stopped because none was heard.

    friend bool operator==(const FenceStamp&, const FenceStamp&) = default;
};

/// Where it is kept: the port. Any thread.
class FenceStamps {
public:
    virtual ~FenceStamps() = default;
    [[nodiscard]] virtual BootTime now() const = 0;
    /// Nothing: there is none since the machine started. One that cannot be read counts as one of
    /// long ago.
    virtual std::optional<FenceStamp> read() = 0;
    virtual common::Result<> write(const FenceStamp& stamp) = 0;
};

/// How long this host may go on without its leader. It counts from when the heartbeat was *sent*
/// that was acknowledged last, so it is over before the leader's own count of the host's silence
/// has come as far.
class FenceLease {
public:
    /// With a stamp it goes on from there. What was promised before counts, too, until a leader has
    /// heard what is promised now: the shorter time, and the action that holds guests.
    FenceLease(FencePromise configured, const std::optional<FenceStamp>& found, BootTime now);

    void heard(BootTime sent);
    [[nodiscard]] bool is_over(BootTime now) const noexcept;
    [[nodiscard]] FencePromise promise() const noexcept { return promise_; }
    [[nodiscard]] BootTime last_heard() const noexcept { return heard_; }

private:
    FencePromise configured_;
    FencePromise promise_; ///< That counts.
    BootTime heard_;
};

/// Which guests stand still for the fence. Any thread.
class HeldGuests {
public:
    /// No guest may go on while it is closed; when it opens, those that are held still may not.
    void close(bool closed) EXCLUDES(mutex_);
    void hold(const std::set<common::SandboxId>& ids) EXCLUDES(mutex_);
    /// False: it was not held.
    bool let_go(const common::SandboxId& id) EXCLUDES(mutex_);
    [[nodiscard]] bool is_closed() const EXCLUDES(mutex_);
    [[nodiscard]] bool is_held(const common::SandboxId& id) const EXCLUDES(mutex_);
    /// Nobody may let it go on but who lifts the fence.
    [[nodiscard]] bool stays(const common::SandboxId& id) const EXCLUDES(mutex_);
    [[nodiscard]] std::set<common::SandboxId> all() const EXCLUDES(mutex_);

private:
    mutable common::Mutex mutex_;
    bool closed_ GUARDED_BY(mutex_) = false;
    std::set<common::SandboxId> held_ GUARDED_BY(mutex_);
};

inline constexpr const char* fenced_reason = "fenced";
/// Why a guest stands still, or was stopped; the same words whenever it is told.
common::Error fenced_error(FenceAction action);

} // namespace hostd
