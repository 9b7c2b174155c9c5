// The warm pools: what they are, what they have, and who gets one.
#include "coordinator/core/pooling.hpp"

#include "coordinator/core/registry.hpp"

#include "common/log/log.hpp"
#include "common/tenant.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::chrono::seconds arrivals_seen{60};
constexpr std::chrono::duration<double> unknown_refill{1}; // Before the first one.

bool same_shape(const Pool& pool, const Sandbox& sandbox)
{
    return pool.image == sandbox.image && pool.vcpus == sandbox.vcpus &&
           pool.memory == sandbox.memory && pool.network == sandbox.network &&
           sandbox.disk == DiskKind::durable;
}

} // namespace

Core::Pooling::Pooling(Core& core) : core_{core} {}

void Core::Pooling::adopt(std::vector<Pool> pools)
{
    for (auto& pool : pools) {
        pools_.insert_or_assign(pool.name, std::move(pool));
    }
}

Caller Core::Pooling::caller() const
{
    return {"system:pool", std::string{common::pool_tenant}, common::mint<common::RequestId>()};
}

const Pool* Core::Pooling::find(const std::string& name) const
{
    const auto found = pools_.find(name);
    return found == pools_.end() ? nullptr : &found->second;
}

const Pool* Core::Pooling::pool_of(const Sandbox& wanted) const
{
    const auto found = std::ranges::find_if(
        pools_, [&wanted](const auto& entry) { return same_shape(entry.second, wanted); });
    return found == pools_.end() ? nullptr : &found->second;
}

/// Of the shape and of the image as it is now.
bool Core::Pooling::fits(const Pool& pool, const Sandbox& sandbox) const
{
    const auto image = core_.fleet_.image(pool.image, pool.tenant);
    // While no host tells of the image nothing is known against what was made from it.
    return same_shape(pool, sandbox) && (!image || image->digest == sandbox.image_digest);
}

bool Core::Pooling::is_ready(const Sandbox& sandbox) const
{
    const auto host = core_.fleet_.hosts().find(sandbox.host);
    return !sandbox.pool_source && sandbox.phase == Phase::paused &&
           sandbox.desired != Desired::destroyed && host != core_.fleet_.hosts().end() &&
           is_open(host->second.host) && !core_.lifecycle_of(sandbox.id);
}

Core::Pooling::Standing Core::Pooling::standing(const Pool& pool,
                                                const common::HostName& host) const
{
    Standing out;
    for (const auto& id : core_.fleet_.on(host)) {
        const auto& sandbox = *core_.fleet_.find(id);
        if (sandbox.pool != pool.name || sandbox.desired == Desired::destroyed ||
            !fits(pool, sandbox)) {
            continue;
        }
        if (sandbox.pool_source) {
            out.source = &sandbox;
        } else if (is_ready(sandbox)) {
            out.ready.push_back(&sandbox);
        } else if (const auto op = core_.lifecycle_of(id);
                   op && op->kind == Pending::Kind::create) {
            ++out.filling;
        }
    }
    std::ranges::sort(out.ready, {}, [](const Sandbox* one) { return one->created_at; });
    if (out.source != nullptr && !sources_under_way_.contains(out.source->id)) {
        const auto* checkpoint = core_.checkpoints_.named(out.source->id, source_name);
        if (checkpoint != nullptr && checkpoint->status == Checkpoint::Status::ready &&
            checkpoint->error.empty()) {
            out.checkpoint = checkpoint->id;
        }
    }
    return out;
}

std::optional<common::SandboxId> Core::Pooling::take(const Sandbox& wanted,
                                                     const std::optional<common::HostName>& only,
                                                     const Callers::Full& full)
{
    const auto* pool = pool_of(wanted);
    if (pool == nullptr) {
        return std::nullopt;
    }
    auto& counts = counts_[pool->name];
    counts.arrivals.push_back(core_.clock_.steady());
    const Sandbox* best = nullptr;
    std::pair<unsigned, std::size_t>
        rank{}; // Fewest of its group there, then most that stand ready.
    const auto image = core_.fleet_.image(wanted.image, wanted.tenant);
    const Image nowhere;
    const auto demand = core_.demand_of(wanted, only, full);
    const auto view = core_.fleet_.view(image ? *image : nowhere, wanted);
    for (std::size_t i = 0; i < view.size; ++i) {
        const auto host = view.at(i);
        const auto& name = host.name;
        if (!scheduler::why_unfit(host, demand).empty()) {
            continue;
        }
        const auto standing = this->standing(*pool, name);
        if (standing.ready.empty() || standing.ready.front()->image_digest != wanted.image_digest) {
            continue;
        }
        const std::pair here{host.group_mates, standing.ready.size()};
        if (best == nullptr || here.first < rank.first ||
            (here.first == rank.first && here.second > rank.second)) {
            rank = here;
            best = standing.ready.front();
        }
    }
    if (best == nullptr) {
        ++counts.misses;
        return std::nullopt;
    }
    ++counts.hits;
    return best->id;
}

std::string Core::Pooling::why_none(const Sandbox& wanted,
                                    const std::optional<common::HostName>& only,
                                    const Callers::Full& full) const
{
    const auto* pool = pool_of(wanted);
    if (pool == nullptr || visible(pool->name, wanted.tenant) == nullptr) {
        return fmt::format("no pool is of image {}, {} vCPUs, {} MiB, network {}, disk {}",
                           wanted.image.str(),
                           wanted.vcpus,
                           wanted.memory.mib(),
                           to_string(wanted.network),
                           to_string(wanted.disk));
    }
    const auto image = core_.fleet_.image(wanted.image, wanted.tenant);
    const Image nowhere;
    const auto demand = core_.demand_of(wanted, only, full);
    const auto view = core_.fleet_.view(image ? *image : nowhere, wanted);
    std::vector<scheduler::Assessment> hosts;
    for (std::size_t i = 0; i < view.size; ++i) {
        const auto host = view.at(i);
        auto why = scheduler::why_unfit(host, demand);
        if (why.empty()) {
            const auto trouble = troubles_.find({pool->name, host.name});
            const auto here = standing(*pool, host.name);
            why = fmt::format("of pool {} {} are ready, {} are being made{}",
                              pool->name,
                              here.ready.size(),
                              here.filling,
                              trouble == troubles_.end() || trouble->second.error.empty()
                                  ? ""
                                  : "; " + trouble->second.error);
        }
        hosts.push_back({host.name, std::move(why), {}});
    }
    return scheduler::told(hosts);
}

const std::set<common::HostName>* Core::Pooling::sources_of(const Sandbox& wanted) const
{
    const auto* pool = pool_of(wanted);
    const auto found = pool == nullptr ? sources_.end() : sources_.find(pool->name);
    return found == sources_.end() ? nullptr : &found->second;
}

std::optional<common::SnapshotId> Core::Pooling::source_for(const Sandbox& wanted) const
{
    const auto* pool = pool_of(wanted);
    if (pool == nullptr) {
        return std::nullopt;
    }
    const auto standing = this->standing(*pool, wanted.host);
    const bool same =
        standing.source != nullptr && standing.source->image_digest == wanted.image_digest;
    return same ? standing.checkpoint : std::nullopt;
}

Sandbox Core::Pooling::as_there(Sandbox sandbox, const common::HostName& host) const
{
    sandbox.wants = {};
    for (const auto& [taint, value] : core_.fleet_.hosts().at(host).host.wish.taints) {
        sandbox.wants.tolerates.insert(taint);
    }
    return sandbox;
}

bool Core::Pooling::could_make_room(const Sandbox& wanted) const
{
    const Image any;
    const auto view = core_.fleet_.view(any, wanted);
    for (std::size_t i = 0; i < view.size; ++i) {
        if (const auto host = view.at(i); host.name == wanted.host) {
            return !in_the_way(wanted, host).empty();
        }
    }
    return false;
}

/// What is going already counts first.
bool Core::Pooling::make_room(const Sandbox& wanted,
                              const std::optional<common::HostName>& only,
                              common::SteadyTime until,
                              const std::function<void(Room)>& then)
{
    std::vector<common::SandboxId> best;
    const auto image = core_.fleet_.image(wanted.image, wanted.tenant);
    const Image none;
    const bool may_be_cloned = only && image && !core_.registry_->is_fetched_on_request(*image);
    const auto demand = core_.demand_of(wanted, only);
    const auto view = core_.fleet_.view(image ? *image : none, wanted);
    for (std::size_t i = 0; i < view.size; ++i) {
        auto host = view.at(i);
        host.has_image = host.has_image || may_be_cloned;
        if (!scheduler::why_unfit(host, demand).empty()) {
            continue;
        }
        auto leaving = in_the_way(wanted, host);
        if (!leaving.empty() && (best.empty() || leaving.size() < best.size())) {
            best = std::move(leaving);
        }
    }
    if (best.empty()) {
        return false;
    }
    for (const auto& id : best) {
        const auto& sandbox = *core_.fleet_.find(id);
        if (sandbox.desired != Desired::destroyed) {
            relieved_[sandbox.host] = core_.clock_.steady(); // It is not made anew at once.
            throw_out(id, "somebody needs its room");
        }
    }
    const auto left = std::make_shared<std::size_t>(best.size());
    const auto patience = std::chrono::ceil<std::chrono::milliseconds>(
        std::max(until - core_.clock_.steady(), common::SteadyTime::duration{}));
    const auto too_late = core_.loop_->after(patience, [left, then] {
        *left = 0;
        then(Room::too_late);
    });
    for (const auto& id : best) {
        core_.when(
            id,
            [](const Sandbox& sandbox) { return sandbox.phase == Phase::destroyed; },
            [this, left, too_late, then](const Sandbox&) {
                if (*left > 0 && --*left == 0) {
                    core_.loop_->cancel(too_late);
                    core_.post([then] { then(Room::made); }); // Not in the middle of its end.
                }
            });
    }
    return true;
}

/// The fewest of the pools' own that would have to go from a host; none if that would not help.
std::vector<common::SandboxId> Core::Pooling::in_the_way(const Sandbox& wanted,
                                                         const scheduler::HostView& view) const
{
    auto memory = view.used_memory;
    auto vcpus = view.used_vcpus;
    const auto fits = [&] {
        return memory + wanted.memory + view.overhead <= view.capacity_memory &&
               vcpus + wanted.vcpus <= view.capacity_vcpus;
    };
    std::vector<common::SandboxId> leaving;
    const auto count_out = [&](const auto& may_go) {
        for (const auto& id : core_.fleet_.on(view.name)) {
            const auto& sandbox = *core_.fleet_.find(id);
            if (!fits() && sandbox.tenant == common::pool_tenant && may_go(sandbox)) {
                leaving.push_back(id);
                memory -= sandbox.memory + sandbox.overhead;
                vcpus -= sandbox.vcpus;
            }
        }
    };
    count_out([](const Sandbox& one) {
        return one.desired == Desired::destroyed && one.phase != Phase::suspended;
    });
    count_out([this](const Sandbox& one) { return is_ready(one); });
    return fits() ? leaving : std::vector<common::SandboxId>{};
}

void Core::Pooling::clone_failed(const Sandbox& sandbox, const Error& why)
{
    if (const auto* pool = pool_of(sandbox); pool != nullptr) {
        failed({pool->name, sandbox.host}, why, Blame::source);
    }
}

void Core::Pooling::clone_worked(const Sandbox& sandbox)
{
    if (const auto* pool = pool_of(sandbox); pool != nullptr) {
        troubles_.erase({pool->name, sandbox.host});
    }
}

/// On each host: as many as are asked for while one is made.
unsigned Core::Pooling::target(const Pool& pool) const
{
    const auto found = counts_.find(pool.name);
    const auto hosts = hosts_of(pool).size();
    if (found == counts_.end() || hosts == 0) {
        return pool.min;
    }
    const auto& counts = found->second;
    const auto since = core_.clock_.steady() - arrivals_seen;
    const auto lately = std::ranges::count_if(
        counts.arrivals, [since](common::SteadyTime at) { return at >= since; });
    const double rate = static_cast<double>(lately) / static_cast<double>(arrivals_seen.count());
    const double refill = counts.refills == 0
                              ? unknown_refill.count()
                              : std::chrono::duration<double>(counts.refill_time).count();
    const double wanted = std::ceil(rate * refill / static_cast<double>(hosts));
    return std::clamp(static_cast<unsigned>(std::min(wanted, 1e6)), pool.min, pool.max);
}

/// Those that have its image and have said how they keep memory.
std::vector<common::HostName> Core::Pooling::hosts_of(const Pool& pool) const
{
    std::vector<common::HostName> out;
    const auto image = core_.fleet_.image(pool.image, pool.tenant);
    if (!image) {
        return out;
    }
    for (const auto& name : image->hosts) {
        const auto& host = core_.fleet_.hosts().at(name).host;
        if (is_open(host) && host.wish.taints.empty() && !host.facts.state_engine.empty() &&
            !scheduler::is_older(host.facts.hostd_version, core_.settings_.oldest_hostd)) {
            out.push_back(name);
        }
    }
    return out;
}

} // namespace coordinator
