#include "hostd/core/lease_book.hpp"

namespace hostd {

using common::Result;

Result<NetLease> LeaseBook::allocate(const common::SandboxId& id, NetworkMode mode)
{
    const common::MutexLock lock{mutex_};
    COMMON_TRY(auto lease, network_.allocate(id, mode));
    held_.insert_or_assign(id, lease);
    news_ = true;
    return lease;
}

Result<> LeaseBook::release(const common::SandboxId& id, const NetLease& lease)
{
    const common::MutexLock lock{mutex_};
    const auto held = held_.find(id);
    news_ = true;
    COMMON_CHECK(network_.release(held == held_.end() ? lease : held->second));
    held_.erase(id);
    second_.erase(id);
    return {};
}

Result<NetLease> LeaseBook::add_tap(const common::SandboxId& id, std::uint64_t incarnation)
{
    const common::MutexLock lock{mutex_};
    const auto held = held_.find(id);
    if (held == held_.end() || held->second.tap.empty()) {
        return NetLease{}; // It has no network.
    }
    if (!ensured_) {
        COMMON_CHECK(ensure_held()); // The network does not know yet what was adopted.
    }
    if (const auto left = second_.find(id); left != second_.end()) {
        COMMON_CHECK(network_.forget_tap(left->second)); // Of a swap that was not finished.
        second_.erase(left);
    }
    COMMON_TRY(auto lease, network_.add_tap(held->second, incarnation));
    second_.insert_or_assign(id, lease);
    return lease;
}

void LeaseBook::use_tap(const common::SandboxId& id, const NetLease& lease)
{
    const common::MutexLock lock{mutex_};
    const auto held = held_.find(id);
    const auto second = second_.find(id);
    if (held != held_.end() && second != second_.end() && second->second == lease) {
        std::swap(held->second, second->second);
    }
}

Result<> LeaseBook::keep_tap(const common::SandboxId& id, const NetLease& lease)
{
    const common::MutexLock lock{mutex_};
    const auto held = held_.find(id);
    const auto second = second_.find(id);
    if (held == held_.end() || second == second_.end()) {
        return {};
    }
    if (second->second == lease) {
        std::swap(held->second, second->second);
    }
    const auto other = second->second;
    second_.erase(second);
    return network_.forget_tap(other); // What stays of it goes with the next ensure().
}

void LeaseBook::adopt(const common::SandboxId& id, const NetLease& lease)
{
    const common::MutexLock lock{mutex_};
    held_.insert_or_assign(id, lease);
}

Result<> LeaseBook::ensure()
{
    const common::MutexLock lock{mutex_};
    return ensure_held();
}

Result<> LeaseBook::tell_dhcp()
{
    const common::MutexLock lock{mutex_};
    news_ = false;
    return network_.tell_dhcp();
}

Result<> LeaseBook::ensure_held()
{
    std::vector<NetLease> leases;
    leases.reserve(held_.size());
    for (const auto& [id, lease] : held_) {
        leases.push_back(lease);
    }
    for (const auto& [id, lease] : second_) {
        leases.push_back(lease);
    }
    auto ensured = network_.ensure(leases);
    ensured_ = ensured_ || ensured.has_value();
    return ensured;
}

} // namespace hostd
