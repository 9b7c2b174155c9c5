#include "hostd/daemon/guard.hpp"

#include "common/log/log.hpp"
#include "common/notify/notify.hpp"
#include "hostd/daemon/fence_file.hpp"
#include "hostd/daemon/file_lock.hpp"
#include "hostd/libvirt/libvirt_hypervisor.hpp"
#include "hostd/virt/event_loop.hpp"

#include <csignal>
#include <ctime>
#include <fmt/format.h>
#include <fstream>

namespace hostd::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// What the stamp may lack of what hostd knows, and a little: FenceLease's own time comes first.
constexpr auto late = most_stamp_age + std::chrono::seconds{1};
constexpr std::chrono::seconds look{1};

std::filesystem::path lock_of(const std::filesystem::path& state_dir)
{
    return state_dir / "guard.lock";
}

/// SIGSTOP, or a debugger: it fences nothing, though it has its lock.
bool stands_still(const std::filesystem::path& lock)
{
    long pid = 0;
    if (!(std::ifstream{lock} >> pid)) {
        return false;
    }
    std::string stat;
    std::getline(std::ifstream{fmt::format("/proc/{}/stat", pid)}, stat);
    const auto name_end = stat.rfind(')'); // proc(5): "pid (name) state …".
    return name_end != std::string::npos && name_end + 2 < stat.size() &&
           (stat[name_end + 2] == 'T' || stat[name_end + 2] == 't');
}

class Guard {
public:
    explicit Guard(const Settings& settings)
        : hostd_lock_{settings.state_dir / "hostd.lock"},
          file_{settings.state_dir / "fence"},
          configured_{settings.fence},
          hypervisor_{settings.libvirt_uri, {}, 1}
    {}

    void look_at_fence()
    {
        if (!due_stamp()) {
            return;
        }
        // Nobody begins to serve meanwhile, or somebody does that cannot act. Until now hostd may
        // have: what counts is read again.
        const auto lock = FileLock::take(hostd_lock_, FileLock::IfHeld::fail);
        auto stamp = due_stamp();
        if (stamp && (lock || stands_still(hostd_lock_))) {
            hold_guests(*stamp, lock.has_value());
        }
    }

private:
    /// Nothing: there is none, or its time is not over.
    std::optional<FenceStamp> due_stamp()
    {
        auto stamp = file_.read();
        if (stamp == FenceStamp{}) {
            stamp->promise = configured_; // It cannot be read.
        }
        return stamp && guard_is_due(*stamp, file_.now()) ? stamp : std::nullopt;
    }

    /// As SandboxService does it: on record before they are held, so that the next hostd tells them
    /// from what somebody paused.
    void hold_guests(FenceStamp& stamp, bool may_write)
    {
        const auto all = hypervisor_.list();
        if (!all) {
            spdlog::error("no leader was heard for too long, and hostd does not act; which guests "
                          "run is not known: {}; trying again",
                          all.error().message);
            return;
        }
        const bool stops = stamp.promise.action == FenceAction::stop;
        std::set<common::SandboxId> due;
        for (const auto& domain : *all) {
            if (stops ? lives(domain.state) : domain.state == DomainState::running) {
                due.insert(domain.sandbox.id);
            }
        }
        if (due.empty()) {
            return;
        }
        stamp.held.insert(due.begin(), due.end());
        if (const auto written = may_write ? file_.write(stamp) : Result<>{}; !written) {
            spdlog::error("hostd will not know who was held: {}", written.error().message);
        }
        for (const auto& id : due) {
            const auto done = stops ? hypervisor_.kill(id) : hypervisor_.pause(id);
            if (done) {
                spdlog::warn("{} is {}: no leader is heard, and hostd does not act",
                             id.str(),
                             stops ? "stopped" : "paused");
            } else {
                spdlog::error("{} goes on: {}; trying again", id.str(), done.error().message);
            }
        }
    }

    const std::filesystem::path hostd_lock_;
    FenceFile file_;
    const FencePromise configured_;
    const virt::EventLoop loop_;
    libvirt::LibvirtHypervisor hypervisor_;
};

} // namespace

bool guard_is_due(const FenceStamp& stamp, BootTime now)
{
    const auto& [after, action] = stamp.promise;
    return after.count() != 0 && action != FenceAction::keep && now - stamp.heard >= after + late;
}

bool guard_runs(const std::filesystem::path& state_dir)
{
    const auto lock = FileLock::take(lock_of(state_dir), FileLock::IfHeld::fail);
    return !lock && lock.error().stable_reason() == "already_running";
}

Result<> run_guard(const Settings& settings)
{
    COMMON_CHECK(common::log::init(settings.log_level, settings.log_format));
    sigset_t ending{};
    ::sigemptyset(&ending);
    ::sigaddset(&ending, SIGTERM);
    ::sigaddset(&ending, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    COMMON_TRY(const auto lock,
               FileLock::take(lock_of(settings.state_dir), FileLock::IfHeld::wait));
    Guard guard{settings};
    common::notify::ready("watching the fence");
    constexpr timespec pause{look.count(), 0};
    while (::sigtimedwait(&ending, nullptr, &pause) < 0) {
        guard.look_at_fence();
    }
    return {};
}

} // namespace hostd::daemon
