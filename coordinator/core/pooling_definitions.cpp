// The warm pools, as operators define them.
#include "coordinator/core/pooling.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error unknown_pool(const std::string& name)
{
    return {ErrorCode::not_found, "no pool " + name + "; GET /v1/pools lists them", "unknown_pool"};
}

Error wrong_bounds(const Pool& pool)
{
    return {ErrorCode::invalid_argument,
            "pool " + pool.name + ": min " + std::to_string(pool.min) + " is more than max " +
                std::to_string(pool.max),
            "",
            {{"min", "must not be more than max"}}};
}

} // namespace

Result<PoolState> Core::create_pool(const Caller& caller, PoolRequest request)
{
    return ask_within<PoolState>(settings_.grace * 2,
                                 "make pool " + request.name,
                                 [this, caller, request](const Pooling::Done& done) {
                                     pooling_->add(caller, request, done);
                                 });
}

Result<PoolState>
Core::change_pool(const Caller& caller, const std::string& name, PoolChange change)
{
    return ask_within<PoolState>(settings_.grace * 2,
                                 "change pool " + name,
                                 [this, caller, name, change](const Pooling::Done& done) {
                                     pooling_->change(caller, name, change, done);
                                 });
}

Result<PoolState> Core::delete_pool(const Caller& caller, const std::string& name)
{
    return ask_within<PoolState>(
        settings_.grace * 2,
        "delete pool " + name,
        [this, caller, name](const Pooling::Done& done) { pooling_->remove(caller, name, done); });
}

PoolState Core::Pooling::state_of_pool(const Pool& pool) const
{
    PoolState state;
    state.pool = pool;
    state.target = target(pool);
    if (const auto found = counts_.find(pool.name); found != counts_.end()) {
        const auto& counts = found->second;
        state.hits = counts.hits;
        state.misses = counts.misses;
        state.refills = counts.refills;
        state.failures = counts.failures;
        state.dead = counts.dead;
        state.thrown_out = counts.thrown_out;
        state.refill_time =
            std::chrono::duration_cast<std::chrono::milliseconds>(counts.refill_time);
    }
    for (const auto& host : hosts_of(pool)) {
        const auto standing = this->standing(pool, host);
        PoolState::OnHost one;
        one.host = host;
        one.ready = static_cast<unsigned>(standing.ready.size());
        one.filling = standing.filling;
        one.source = standing.checkpoint ? "ready" : standing.source != nullptr ? "making" : "none";
        if (const auto trouble = troubles_.find({pool.name, host}); trouble != troubles_.end()) {
            one.error = trouble->second.error;
        }
        state.hosts.push_back(std::move(one));
    }
    return state;
}

std::vector<PoolState> Core::Pooling::states(std::string_view tenant) const
{
    std::vector<PoolState> out;
    for (const auto& [name, pool] : pools_) {
        if (visible(name, tenant) != nullptr) {
            out.push_back(state_of_pool(pool));
        }
    }
    return out;
}

const Pool* Core::Pooling::visible(const std::string& name, std::string_view tenant) const
{
    const auto* pool = find(name);
    return pool == nullptr || pool->tenant.empty() || pool->tenant == tenant ? pool : nullptr;
}

const Pool* Core::Pooling::of_image(const common::ImageName& image, std::string_view tenant) const
{
    const auto found = std::ranges::find_if(pools_, [&](const auto& entry) {
        return entry.second.image == image && entry.second.tenant == tenant;
    });
    return found == pools_.end() ? nullptr : &found->second;
}

Result<PoolState> Core::Pooling::state(const std::string& name, std::string_view tenant) const
{
    const auto* pool = visible(name, tenant);
    return pool == nullptr ? Result<PoolState>{unknown_pool(name)} : state_of_pool(*pool);
}

/// No host is asked: intent and outcome are one write. A write that may have landed is done again.
void Core::Pooling::record(const Caller& caller,
                           const Pool& pool,
                           std::string_view action,
                           const std::function<void(Result<>)>& then)
{
    AuditRow row{AuditRow::Kind::intent,
                 std::string{action},
                 caller,
                 common::mint<common::OperationId>(),
                 "",
                 pool.name,
                 "",
                 detail_of({{"image", pool.image.str()},
                            {"min", std::to_string(pool.min)},
                            {"max", std::to_string(pool.max)}})};
    auto outcome = row;
    outcome.kind = AuditRow::Kind::outcome;
    outcome.result = "ok";
    core_.save({pool, std::move(row), std::move(outcome)},
               [this, pool, action = std::string{action}, then](const Result<>& saved) {
                   if (saved) {
                       return then({});
                   }
                   if (saved.error().code == ErrorCode::timeout) {
                       core_.save_outcome({pool}, [](const Result<>&) {});
                   }
                   then(not_recorded(action + " " + pool.name, saved.error()));
               });
}

void Core::Pooling::bring_up_to_date(Pool& pool) const
{
    if (const auto* now = find(pool.name); now != nullptr) {
        pool = *now;
    } else if (!pool.deleted_at) {
        pool.deleted_at = core_.clock_.wall();
    }
}

void Core::Pooling::add(const Caller& caller, const PoolRequest& request, const Done& done)
{
    const auto attempt = "make pool " + request.name + ": ";
    const auto image = core_.fleet_.image(request.image, caller.tenant);
    if (!image) {
        return done(Error{ErrorCode::not_found,
                          attempt + "no host has an image named " + request.image.str(),
                          "unknown_image",
                          {{"image", "no image of this name is registered on any host"}}});
    }
    if (image->agent != "paddock") {
        return done(Error{ErrorCode::failed_precondition,
                          attempt + "image " + image->name.str() +
                              " has no agent of ours, which could tell a sandbox who it becomes",
                          "no_agent"});
    }
    Pool pool;
    pool.name = request.name;
    pool.tenant = image->tenant;
    pool.image = request.image;
    pool.vcpus = request.vcpus.value_or(core_.settings_.vcpus_of(*image));
    pool.memory = request.memory.value_or(core_.settings_.memory_of(*image));
    pool.network = request.network;
    pool.min = request.min;
    pool.max = request.max.value_or(request.min);
    pool.max_age = request.max_age.value_or(pool.max_age);
    pool.created_at = core_.clock_.wall();
    if (pool.min > pool.max) {
        return done(wrong_bounds(pool));
    }
    if (find(pool.name) != nullptr) {
        return done(Error{ErrorCode::already_exists, attempt + "there is one", "pool_exists"});
    }
    for (const auto& [name, other] : pools_) {
        if (other.image == pool.image && other.vcpus == pool.vcpus && other.memory == pool.memory &&
            other.network == pool.network) {
            return done(Error{ErrorCode::already_exists,
                              attempt + "pool " + name + " is of that shape already",
                              "pool_exists"});
        }
    }
    pools_.emplace(pool.name, pool);
    record(caller,
           pool,
           "pool.create",
           [this, name = pool.name, tenant = caller.tenant, done](const Result<>& saved) {
               if (saved) {
                   return done(state(name, tenant));
               }
               if (saved.error().code != ErrorCode::timeout) {
                   pools_.erase(name);
               }
               done(saved.error());
           });
}

void Core::Pooling::change(const Caller& caller,
                           const std::string& name,
                           const PoolChange& change,
                           const Done& done)
{
    const auto* found = visible(name, caller.tenant);
    if (found == nullptr) {
        return done(unknown_pool(name));
    }
    const auto before = *found;
    auto pool = before;
    pool.min = change.min.value_or(pool.min);
    pool.max = change.max.value_or(pool.max);
    pool.max_age = change.max_age.value_or(pool.max_age);
    if (pool.min > pool.max) {
        return done(wrong_bounds(pool));
    }
    pools_.insert_or_assign(name, pool);
    record(caller,
           pool,
           "pool.change",
           [this, name, tenant = caller.tenant, before, done](const Result<>& saved) {
               if (saved) {
                   return done(state(name, tenant));
               }
               if (saved.error().code != ErrorCode::timeout && find(name) != nullptr) {
                   pools_.insert_or_assign(name, before);
               }
               done(saved.error());
           });
}

void Core::Pooling::remove(const Caller& caller, const std::string& name, const Done& done)
{
    const auto* found = visible(name, caller.tenant);
    if (found == nullptr) {
        return done(unknown_pool(name));
    }
    const auto before = *found;
    const auto last = state_of_pool(before);
    auto pool = before;
    pool.deleted_at = core_.clock_.wall();
    pools_.erase(name); // From here on the next tick throws out what it has.
    record(caller, pool, "pool.delete", [this, before, last, done](const Result<>& saved) {
        if (saved) {
            return done(last);
        }
        if (saved.error().code != ErrorCode::timeout) {
            pools_.emplace(before.name, before);
        }
        done(saved.error());
    });
}

} // namespace coordinator
