#include "hostd/core/lease_book.hpp"

namespace hostd {

using common::Result;

Result<NetLease> LeaseBook::allocate(const common::SandboxId& id, NetworkMode mode)
{
    const common::MutexLock lock{mutex_};
    COMMON_TRY(auto lease, network_.allocate(id, mode));
    held_.insert_or_assign(id, lease);
    return lease;
}

Result<> LeaseBook::release(const common::SandboxId& id, const NetLease& lease)
{
    const common::MutexLock lock{mutex_};
    const auto held = held_.find(id);
    COMMON_CHECK(network_.release(held == held_.end() ? lease : held->second));
    held_.erase(id);
    return {};
}

void LeaseBook::adopt(const common::SandboxId& id, const NetLease& lease)
{
    const common::MutexLock lock{mutex_};
    held_.insert_or_assign(id, lease);
}

Result<> LeaseBook::ensure()
{
    const common::MutexLock lock{mutex_};
    std::vector<NetLease> leases;
    leases.reserve(held_.size());
    for (const auto& [id, lease] : held_) {
        leases.push_back(lease);
    }
    return network_.ensure(leases);
}

} // namespace hostd
