#include "hostd/core/fence.hpp"

#include <algorithm>
#include <ctime>

namespace hostd {

using common::Error;
using common::ErrorCode;

BootTime BootClock::now() noexcept
{
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return BootTime{std::chrono::floor<duration>(std::chrono::seconds{time.tv_sec} +
                                                 std::chrono::nanoseconds{time.tv_nsec})};
}

namespace {

bool holds(const FencePromise& promise)
{
    return promise.after.count() != 0 && promise.action != FenceAction::keep;
}

/// What keeps both.
FencePromise stricter(const FencePromise& now, const FencePromise& before)
{
    if (!holds(now) || !holds(before)) {
        return holds(before) ? before : now;
    }
    return {std::min(now.after, before.after), now.action};
}

} // namespace

FenceLease::FenceLease(FencePromise configured,
                       const std::optional<FenceStamp>& found,
                       BootTime now)
    : configured_{configured},
      promise_{found ? stricter(configured, found->promise) : configured},
      heard_{found ? std::min(found->heard, now) : now}
{}

void FenceLease::heard(BootTime sent)
{
    heard_ = std::max(heard_, sent);
    promise_ = configured_; // It came with the hello before that heartbeat.
}

bool FenceLease::is_over(BootTime now) const noexcept
{
    return promise_.after.count() != 0 && now - heard_ >= promise_.after;
}

void HeldGuests::close(bool closed)
{
    const common::MutexLock lock{mutex_};
    closed_ = closed;
}

void HeldGuests::hold(const std::set<common::SandboxId>& ids)
{
    const common::MutexLock lock{mutex_};
    held_.insert(ids.begin(), ids.end());
}

bool HeldGuests::let_go(const common::SandboxId& id)
{
    const common::MutexLock lock{mutex_};
    return held_.erase(id) > 0;
}

bool HeldGuests::is_closed() const
{
    const common::MutexLock lock{mutex_};
    return closed_;
}

bool HeldGuests::is_held(const common::SandboxId& id) const
{
    const common::MutexLock lock{mutex_};
    return held_.contains(id);
}

bool HeldGuests::stays(const common::SandboxId& id) const
{
    const common::MutexLock lock{mutex_};
    return closed_ || held_.contains(id);
}

std::set<common::SandboxId> HeldGuests::all() const
{
    const common::MutexLock lock{mutex_};
    return held_;
}

Error fenced_error(FenceAction action)
{
    return {ErrorCode::unavailable,
            action == FenceAction::stop
                ? "fenced: its host heard from no leader for too long and stopped it"
                : "fenced: its host heard from no leader for too long and paused it; it goes on "
                  "when the leader says so",
            fenced_reason};
}

} // namespace hostd
