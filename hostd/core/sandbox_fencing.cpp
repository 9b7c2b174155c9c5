// No leader is heard for too long: guests stand still, or are stopped, until one is and says which
// of them go on.
#include "common/log/log.hpp"
#include "hostd/core/sandbox_service.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

/// Before anything is adopted: a restart of this process does not begin the time anew.
void SandboxService::begin_fencing()
{
    if (ports_.fence == nullptr) {
        return;
    }
    const auto now = ports_.fence->now();
    const auto found = ports_.fence->read();
    fence_.emplace(settings_.fence, found, now);
    held_.hold(found ? found->held : std::set<common::SandboxId>{});
    stamped_ = fence_stamp();
    if (found != stamped_) {
        if (auto written = ports_.fence->write(stamped_); !written) {
            spdlog::error("a restart of this process will not know how long no leader was heard: "
                          "{}",
                          written.error().message);
        }
    }
    if (fence_->is_over(now)) {
        raise_fence();
    }
    post([this] { look_at_fence(); });
}

void SandboxService::look_at_fence()
{
    if (no_guest_may_run() && adopted_) {
        hold_guests();
    }
    loop_->after(settings_.fence_look, [this] { look_at_fence(); });
}

/// Also if this process, or the machine, stood still until now.
bool SandboxService::no_guest_may_run()
{
    if (fence_ && !fence_on_ && fence_->is_over(ports_.fence->now())) {
        raise_fence();
    }
    return held_.is_closed();
}

void SandboxService::raise_fence()
{
    fence_on_ = true;
    const auto [after, action] = fence_->promise();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(after).count();
    if (action == FenceAction::keep) {
        spdlog::warn("no leader was heard for {} s: sandboxes run on, as `fence: keep` says, and "
                     "no command is carried out",
                     seconds);
        return;
    }
    spdlog::error(
        "no leader was heard for {} s: this host fences itself ({})", seconds, to_string(action));
    held_.close(true);
}

/// Not in their lanes, where a checkpoint may take minutes; and again and again, for what is let go
/// on by what was under way, or by anybody else.
void SandboxService::hold_guests()
{
    if (std::exchange(holding_, true)) {
        return;
    }
    blocking_on(
        *fence_workers_,
        [this, stamp = fence_stamp()] { return hold_running(stamp); },
        [this](const std::set<common::SandboxId>& held) {
            holding_ = false;
            std::ranges::for_each(held, [this](const auto& id) { refresh(id); });
        });
}

/// On a worker. Who is to be held is on record before it is held: then it is known afterwards who
/// was paused by somebody else. A guest that stands still only to be captured runs.
std::set<common::SandboxId> SandboxService::hold_running(FenceStamp stamp)
{
    const auto all = ports_.hypervisor.list();
    if (!all) {
        spdlog::error("which guests run is not known: {}; trying again", all.error().message);
        return {};
    }
    const bool stops = stamp.promise.action == FenceAction::stop;
    std::set<common::SandboxId> due;
    for (const auto& domain : *all) {
        const auto& id = domain.sandbox.id;
        const bool runs = domain.state == DomainState::running ||
                          (domain.state == DomainState::paused && !held_.is_held(id) &&
                           ports_.checkpoints.is_moving(id));
        if (stops ? lives(domain.state) : runs) {
            due.insert(id);
        }
    }
    if (due.empty()) {
        return due;
    }
    held_.hold(due);
    stamp.held = held_.all();
    if (auto written = ports_.fence->write(stamp); !written) {
        spdlog::error("after a restart of this process these stand still until somebody starts "
                      "them: {}",
                      written.error().message);
    }
    for (const auto& id : due) {
        const auto done = stops ? ports_.hypervisor.kill(id) : ports_.hypervisor.pause(id);
        if (done) {
            spdlog::warn("{} is {}: no leader is heard", id.str(), stops ? "stopped" : "paused");
        } else {
            spdlog::error("{} goes on: {}; trying again", id.str(), done.error().message);
        }
    }
    return due;
}

void SandboxService::heard(BootTime sent)
{
    if (!fence_) {
        return;
    }
    fence_->heard(sent);
    if (fence_on_ && !fence_->is_over(ports_.fence->now())) {
        fence_on_ = false;
        held_.close(false);
        spdlog::info("a leader is heard again; {} sandboxes were held", held_.all().size());
    }
    keep_stamp();
}

FenceStamp SandboxService::fence_stamp() const
{
    return {fence_->last_heard(), fence_->promise(), held_.all()};
}

/// Seldom: what is on record may be older than it is, by a part of the time that counts, and by
/// what a guard allows for (daemon/guard.hpp).
void SandboxService::keep_stamp()
{
    constexpr int parts = 10;
    const auto promise = fence_->promise();
    auto stamp = fence_stamp();
    const bool counts = promise.after.count() != 0 && promise.action != FenceAction::keep;
    const bool old =
        counts && stamp.heard - stamped_.heard >=
                      std::min<BootTime::duration>(promise.after / parts, most_stamp_age);
    if (!old && stamp.promise == stamped_.promise && stamp.held == stamped_.held) {
        return;
    }
    stamped_ = stamp;
    blocking_on(
        *fence_workers_,
        [this, stamp = std::move(stamp)] { return ports_.fence->write(stamp); },
        [](const Result<>& written) {
            if (!written) {
                spdlog::error("ignoring that when a leader was heard is not on record: {}",
                              written.error().message);
            }
        });
}

Error SandboxService::no_leader()
{
    return {ErrorCode::unavailable,
            "this host carries out nothing: it heard from no leader for too long",
            fenced_reason};
}

bool SandboxService::asks_only(const Command& command)
{
    const auto& what = command.what;
    return std::holds_alternative<ReadCommand>(what) ||
           std::holds_alternative<ListVmsCommand>(what) ||
           std::holds_alternative<OpenReaderCommand>(what) ||
           std::holds_alternative<GrantReaderCommand>(what) ||
           std::holds_alternative<CloseReaderCommand>(what) ||
           std::holds_alternative<CloseReadersCommand>(what) ||
           std::holds_alternative<WatchOutputCommand>(what) ||
           std::holds_alternative<UnwatchOutputCommand>(what);
}

/// Also where guests are kept: who asks may have been deposed, and others may have decided.
bool SandboxService::takes_commands()
{
    return !no_guest_may_run() && !fence_on_;
}

bool SandboxService::refuse_fenced(const Op& op)
{
    if (!no_guest_may_run()) {
        return false;
    }
    fail(op, no_leader());
    return true;
}

bool SandboxService::mark_held(Sandbox& sandbox)
{
    auto& status = sandbox.status;
    if (!held_.is_held(status.spec.id) || status.phase == Phase::running) {
        return false;
    }
    const bool stopped = status.phase == Phase::stopped;
    if (status.phase == Phase::suspended ||
        (stopped && fence_->promise().action != FenceAction::stop)) {
        held_.let_go(status.spec.id); // It has ended by itself.
        keep_stamp();
        return false;
    }
    if (status.error && status.error->stable_reason() == fenced_reason) {
        return false;
    }
    status.error = fenced_error(stopped ? FenceAction::stop : FenceAction::pause);
    return true;
}

void SandboxService::no_longer_held(Sandbox& sandbox)
{
    auto& status = sandbox.status;
    if (held_.let_go(status.spec.id)) {
        keep_stamp();
    }
    if (status.error && status.error->stable_reason() == fenced_reason) {
        status.error.reset();
    }
}

void SandboxService::lift_fence(const LiftFenceCommand& lift)
{
    if (!fence_ || no_guest_may_run() || !adopted_) {
        return; // It is said again.
    }
    for (const auto& id : lift.sandboxes) {
        if (held_.is_held(id)) {
            in_lane(id, [this, id] { lift_in_lane(id); });
        }
    }
}

void SandboxService::lift_in_lane(const common::SandboxId& id)
{
    const auto* now = find(id);
    const bool stands_still =
        now != nullptr && !now->condemned &&
        (now->status.phase == Phase::paused || now->status.phase == Phase::starting ||
         now->status.phase == Phase::restoring);
    if (!stands_still || !held_.is_held(id) || no_guest_may_run()) {
        return leave_lane(id);
    }
    blocking(
        [this, id, incarnation = now->status.incarnation] { return keeper_.lift(id, incarnation); },
        [this, id](const Result<>& lifted) {
            auto& sandbox = table_.at(id);
            if (lifted) {
                spdlog::info("{} goes on: its leader says so", id.str());
                no_longer_held(sandbox);
                apply(sandbox, DomainState::running);
                publish(sandbox);
            } else {
                spdlog::error("{} stands still: {}", id.str(), lifted.error().message);
                held_.hold({id}); // Until it is said again.
            }
            keep_stamp();
            leave_lane(id);
            refresh(id);
        });
}

} // namespace hostd
