#pragma once

#include "common/mutex.hpp"
#include "hostd/core/network.hpp"

#include <atomic>
#include <map>

namespace hostd {

/// Which sandbox holds which lease, and the only way to the network's changes: a
/// repair takes away the rules of leases it is not told of, so it must never run
/// beside an allocation. Blocking; any worker thread.
class LeaseBook {
public:
    explicit LeaseBook(Network& network) : network_{network} {}

    common::Result<NetLease> allocate(const common::SandboxId& id, NetworkMode mode)
        EXCLUDES(mutex_);
    common::Result<> release(const common::SandboxId& id, const NetLease& lease) EXCLUDES(mutex_);
    /// The same lease under another incarnation's tap, beside the first until keep_tap().
    common::Result<NetLease> add_tap(const common::SandboxId& id, std::uint64_t incarnation)
        EXCLUDES(mutex_);
    /// Of two taps, this is the one in use from now on.
    void use_tap(const common::SandboxId& id, const NetLease& lease) EXCLUDES(mutex_);
    /// Of two taps, this one stays.
    common::Result<> keep_tap(const common::SandboxId& id, const NetLease& lease) EXCLUDES(mutex_);
    /// A lease that a domain was found with.
    void adopt(const common::SandboxId& id, const NetLease& lease) EXCLUDES(mutex_);
    /// Repairs the network for the leases that are held.
    common::Result<> ensure() EXCLUDES(mutex_);

    /// Whether anything changed since tell_dhcp(). At once, any thread.
    [[nodiscard]] bool has_news() const noexcept { return news_; }
    common::Result<> tell_dhcp() EXCLUDES(mutex_);

private:
    common::Result<> ensure_held() REQUIRES(mutex_);

    Network& network_;
    std::atomic<bool> news_{false};
    common::Mutex mutex_;
    bool ensured_ GUARDED_BY(mutex_) = false;
    std::map<common::SandboxId, NetLease> held_ GUARDED_BY(mutex_);
    std::map<common::SandboxId, NetLease>
        second_ GUARDED_BY(mutex_); ///< While domains are swapped.
};

} // namespace hostd
