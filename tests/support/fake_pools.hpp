#pragma once

#include "coordinator/core/service.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace test_support {

/// FakeService's pools and what hosts tell, and what all its calls share.
class FakePools : public coordinator::Service {
public:
    template <typename T>
    using Result = common::Result<T>;

    /// Set before the threads start: every call then fails with it.
    std::optional<common::Error> failure;
    /// Likewise; grows and shrinks with what is asked.
    std::vector<coordinator::PoolState> all_pools;
    std::vector<coordinator::Host> all_hosts;
    coordinator::VmListing listing;
    coordinator::Reading read;

    [[nodiscard]] std::vector<coordinator::PoolRequest> pool_requests() const
    {
        return of(pool_requests_);
    }
    [[nodiscard]] std::vector<coordinator::PoolChange> pool_changes() const
    {
        return of(pool_changes_);
    }
    [[nodiscard]] std::vector<coordinator::Caller> callers() const { return of(callers_); }

    Result<coordinator::VmListing> vms(const coordinator::Caller& caller) override
    {
        COMMON_CHECK(enter(caller));
        return listing;
    }

    Result<std::vector<coordinator::Host>> hosts(const coordinator::Caller& caller) override
    {
        COMMON_CHECK(enter(caller));
        return of(all_hosts);
    }
    Result<coordinator::Host> host(const coordinator::Caller& caller,
                                   const common::HostName& name) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        return named(all_hosts, name, "host " + name.str());
    }
    Result<void> change_host(const coordinator::Caller& caller,
                             const common::HostName& name,
                             coordinator::HostChange change) override
    {
        COMMON_CHECK(host(caller, name));
        const std::scoped_lock lock{mutex_};
        const auto found = std::ranges::find(all_hosts, name, &coordinator::Host::name);
        auto& wish = found->wish;
        wish.cordoned = change.cordoned.value_or(wish.cordoned);
        if (!wish.cordoned) {
            wish.drain.reset();
            found->drain.reset();
            wish.evacuation.reset();
            found->evacuation.reset();
        }
        if (change.evacuation) {
            const auto since = common::from_unix_us(1'790'000'000'000'000);
            wish.cordoned = true;
            wish.evacuation = coordinator::Evacuation{since, change.evacuation->powered_off};
            found->evacuation.emplace();
        }
        if (change.drain) {
            const auto since = common::from_unix_us(1'790'000'000'000'000);
            wish.cordoned = true;
            wish.drain = coordinator::Drain{since, since + *change.drain};
            found->drain.emplace();
        }
        for (const auto& [labels, changes] :
             {std::pair{&wish.labels, &change.labels}, std::pair{&wish.taints, &change.taints}}) {
            for (const auto& [label, value] : *changes) {
                labels->erase(label);
                if (value) {
                    labels->emplace(label, *value);
                }
            }
        }
        return {};
    }
    Result<coordinator::Placement> explain(const coordinator::Caller& caller,
                                           coordinator::CreateRequest request) override
    {
        COMMON_CHECK(enter(caller));
        coordinator::Placement found{request.host, {}};
        for (const auto& one : of(all_hosts)) {
            found.hosts.push_back({one.name, one.wish.cordoned ? "it is cordoned" : ""});
        }
        return found;
    }

    Result<coordinator::Reading> reading(const coordinator::Caller& caller,
                                         const common::SandboxId& id,
                                         std::uint32_t console_bytes) override
    {
        COMMON_CHECK(get(caller, id));
        auto told = read;
        told.console_cut = told.console.size() > console_bytes;
        told.console.erase(
            0, told.console.size() - std::min<std::size_t>(told.console.size(), console_bytes));
        return told;
    }

    Result<std::vector<coordinator::PoolState>> pools(const coordinator::Caller& caller) override
    {
        COMMON_CHECK(enter(caller));
        return of(all_pools);
    }

    Result<coordinator::PoolState> pool(const coordinator::Caller& caller,
                                        const std::string& name) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_TRY(const auto* found, find_pool(name));
        return *found;
    }

    Result<coordinator::PoolState> create_pool(const coordinator::Caller& caller,
                                               coordinator::PoolRequest request) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        if (find_pool(request.name)) {
            return common::Error{common::ErrorCode::already_exists, "there is one", "pool_exists"};
        }
        coordinator::PoolState made;
        made.pool.name = request.name;
        made.pool.image = request.image;
        made.pool.vcpus = request.vcpus.value_or(1);
        made.pool.memory = request.memory.value_or(common::Bytes::mib(256));
        made.pool.network = request.network;
        made.pool.min = request.min;
        made.pool.max = request.max.value_or(request.min);
        made.pool.max_age = request.max_age.value_or(made.pool.max_age);
        made.pool.created_at = common::from_unix_us(1'790'000'000'000'000);
        made.target = made.pool.min;
        all_pools.push_back(made);
        pool_requests_.push_back(std::move(request));
        return made;
    }

    Result<coordinator::PoolState> change_pool(const coordinator::Caller& caller,
                                               const std::string& name,
                                               coordinator::PoolChange change) override
    {
        COMMON_CHECK(enter(caller));
        const std::scoped_lock lock{mutex_};
        COMMON_TRY(auto* const found, find_pool(name));
        auto& pool = found->pool;
        pool.min = change.min.value_or(pool.min);
        pool.max = change.max.value_or(pool.max);
        pool.max_age = change.max_age.value_or(pool.max_age);
        pool_changes_.push_back(change);
        return *found;
    }

    Result<coordinator::PoolState> delete_pool(const coordinator::Caller& caller,
                                               const std::string& name) override
    {
        COMMON_TRY(auto gone, pool(caller, name));
        const std::scoped_lock lock{mutex_};
        std::erase_if(all_pools, [&name](const auto& other) { return other.pool.name == name; });
        return gone;
    }

protected:
    Result<void> enter(const coordinator::Caller& caller)
    {
        const std::scoped_lock lock{mutex_};
        callers_.push_back(caller);
        if (failure) {
            return *failure;
        }
        return {};
    }

    template <typename T, typename Name>
    static Result<T> named(const std::vector<T>& all, const Name& name, const std::string& what)
    {
        for (const auto& one : all) {
            if (one.name == name) {
                return one;
            }
        }
        return common::Error{common::ErrorCode::not_found, "no " + what};
    }

    template <typename T>
    std::vector<T> of(const std::vector<T>& recorded) const
    {
        const std::scoped_lock lock{mutex_};
        return recorded;
    }

    mutable std::mutex mutex_;

private:
    Result<coordinator::PoolState*> find_pool(const std::string& name)
    {
        for (auto& one : all_pools) {
            if (one.pool.name == name) {
                return &one;
            }
        }
        return common::Error{common::ErrorCode::not_found, "no pool " + name, "unknown_pool"};
    }

    std::vector<coordinator::PoolRequest> pool_requests_;
    std::vector<coordinator::PoolChange> pool_changes_;
    std::vector<coordinator::Caller> callers_;
};

} // namespace test_support
