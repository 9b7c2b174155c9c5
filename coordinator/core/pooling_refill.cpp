// The warm pools: what they throw out, and how they are filled.
#include "coordinator/core/figures.hpp"
#include "coordinator/core/pooling.hpp"

#include "common/log/log.hpp"
#include "common/tenant.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::chrono::seconds first_pause{5}; // After a failure; doubled by each one more.
constexpr std::chrono::seconds longest_pause{300};
constexpr unsigned doubted_after = 3; // Failures in a row: then the source may be to blame.
constexpr std::chrono::seconds relief{10};
constexpr double share_kept_free = 0.05; // Of a host's memory, for everything else on it.

} // namespace

void Core::Pooling::tick()
{
    throw_out_unfit();
    sources_.clear();
    for (const auto& [name, pool] : pools_) {
        auto& arrivals = counts_[name].arrivals;
        const auto since = core_.clock_.steady() - std::chrono::minutes{1};
        while (!arrivals.empty() && arrivals.front() < since) {
            arrivals.pop_front();
        }
        for (const auto& host : hosts_of(pool)) {
            tend(pool, host);
        }
    }
    std::erase_if(troubles_,
                  [this](const auto& entry) { return find(entry.first.first) == nullptr; });
    std::erase_if(counts_, [this](const auto& entry) { return find(entry.first) == nullptr; });
}

/// Why it is of no use to its pool; "" if it may stay.
std::string Core::Pooling::unfit(const Sandbox& sandbox) const
{
    const auto* pool = find(sandbox.pool);
    if (pool == nullptr) {
        return "its pool is gone";
    }
    if (!fits(*pool, sandbox)) {
        return "its image or the pool's shape has changed";
    }
    const auto host = core_.fleet_.hosts().find(sandbox.host);
    const auto wish = host == core_.fleet_.hosts().end() ? HostWish{} : host->second.host.wish;
    if (wish.drain) {
        return "its host is drained";
    }
    if (!wish.taints.empty()) {
        return "its host is tainted";
    }
    const auto phase = std::string{to_string(sandbox.phase)};
    if (sandbox.pool_source) {
        const auto* checkpoint = core_.checkpoints_.named(sandbox.id, source_name);
        const bool kept = checkpoint != nullptr && checkpoint->error.empty() &&
                          checkpoint->status == Checkpoint::Status::ready;
        return kept && sandbox.phase == Phase::suspended ? "" : "the source is " + phase;
    }
    if (sandbox.phase != Phase::paused) {
        return "it is " + phase + ", not ready";
    }
    if (wish.cordoned) {
        return "its host is cordoned";
    }
    return core_.clock_.wall() - sandbox.created_at > pool->max_age ? "it is old" : "";
}

/// What is under way is left to its end, and what is on a host that is away to its return.
void Core::Pooling::throw_out_unfit()
{
    std::vector<std::pair<common::SandboxId, std::string>> due;
    for (const auto& id : core_.fleet_.all_pooled()) {
        const auto& sandbox = *core_.fleet_.find(id);
        const auto host = core_.fleet_.hosts().find(sandbox.host);
        const bool here =
            host != core_.fleet_.hosts().end() && host->second.host.health == HostHealth::ready;
        if (!here || sandbox.desired == Desired::destroyed || sources_under_way_.contains(id) ||
            core_.pending_of_.contains(id)) {
            continue;
        }
        if (auto why = unfit(sandbox); !why.empty()) {
            due.emplace_back(id, std::move(why));
        }
    }
    for (const auto& [id, why] : due) {
        const auto& sandbox = *core_.fleet_.find(id);
        if (!sandbox.pool_source && sandbox.phase != Phase::paused) {
            ++counts_[sandbox.pool].dead;
        }
        throw_out(id, why);
    }
}

void Core::Pooling::throw_out(const common::SandboxId& id, const std::string& why)
{
    spdlog::info("pool {}: {} is destroyed: {}", core_.fleet_.find(id)->pool, id.str(), why);
    ++counts_[core_.fleet_.find(id)->pool].thrown_out;
    core_.begin_destroy(caller(), id, [id](const Result<Sandbox>& destroyed) {
        if (!destroyed) {
            spdlog::warn("destroy of {} goes on: {}", id.str(), destroyed.error().message);
        }
    });
}

/// Creates of other people are under way there.
bool Core::Pooling::is_busy(const common::HostName& host) const
{
    return std::ranges::any_of(core_.pending_, [&host](const auto& entry) {
        const auto& op = *entry.second;
        const bool makes = op.kind == Pending::Kind::create || op.kind == Pending::Kind::claim;
        return makes && op.host == host && op.caller.tenant != common::pool_tenant;
    });
}

/// How many may be made there at the same time. People come first: while creates of theirs are
/// under way none, and one if that goes on and on.
unsigned Core::Pooling::most_at_once(const Host& host)
{
    if (!is_busy(host.name)) {
        busy_since_.erase(host.name);
        return std::max(host.facts.cores, 1U);
    }
    const auto now = core_.clock_.steady();
    const auto since = busy_since_.try_emplace(host.name, now).first->second;
    return now - since < core_.settings_.refill_patience ? 0 : 1;
}

bool Core::Pooling::is_under_pressure(const Host& host)
{
    const auto& facts = host.facts;
    return static_cast<double>(facts.memory_available.count()) <
           static_cast<double>(facts.memory.count()) * share_kept_free;
}

void Core::Pooling::tend(const Pool& pool, const common::HostName& host)
{
    const auto now = core_.clock_.steady();
    const auto standing = this->standing(pool, host);
    if (standing.checkpoint) {
        sources_[pool.name].insert(host);
    }
    const auto& known = core_.fleet_.hosts().at(host).host;
    const auto relieved = relieved_.find(host);
    const bool recently = relieved != relieved_.end() && now - relieved->second < relief;
    if (is_under_pressure(known)) {
        if (!recently && !standing.ready.empty()) {
            relieved_[host] = now;
            throw_out(standing.ready.front()->id, "its host is short of memory");
        }
        return;
    }
    const auto wanted = target(pool);
    if (standing.ready.size() > wanted) {
        return throw_out(standing.ready.front()->id, "there are more than are wanted");
    }
    const auto trouble = troubles_.find({pool.name, host});
    if (recently || (trouble != troubles_.end() && now < trouble->second.until)) {
        return;
    }
    const auto image = core_.fleet_.image(pool.image, pool.tenant);
    // Where memory cannot be cloned each of them boots by itself.
    const bool clones = known.facts.state_engine == "fast";
    if (clones && standing.source == nullptr) {
        return make_source(pool, host, *image);
    }
    if (clones && !standing.checkpoint) {
        return;
    }
    const auto most = most_at_once(known);
    auto filling = filling_on(host);
    for (auto have = standing.ready.size() + standing.filling; have < wanted && filling < most;
         ++have, ++filling) {
        if (!make_one(pool, host, *image, standing.checkpoint)) {
            return;
        }
    }
}

unsigned Core::Pooling::filling_on(const common::HostName& host) const
{
    return static_cast<unsigned>(std::ranges::count_if(core_.pending_, [&host](const auto& entry) {
        const auto& op = *entry.second;
        return op.kind == Pending::Kind::create && op.host == host &&
               op.caller.tenant == common::pool_tenant;
    }));
}

/// A sandbox of the pool, with a place on that host.
Result<Sandbox>
Core::Pooling::draft(const Pool& pool, const common::HostName& host, const Image& image) const
{
    Sandbox sandbox;
    sandbox.id = common::mint<common::SandboxId>();
    sandbox.job = common::mint<common::JobId>();
    sandbox.tenant = common::pool_tenant;
    sandbox.agent_id = pool.name;
    sandbox.name = sandbox.id.str();
    sandbox.image = image.name;
    sandbox.image_digest = image.digest;
    sandbox.vcpus = pool.vcpus;
    sandbox.memory = pool.memory;
    sandbox.network = pool.network;
    sandbox.created_at = sandbox.updated_at = core_.clock_.wall();
    sandbox.phase = Phase::placing;
    sandbox.desired = Desired::running;
    sandbox.generation = 1;
    sandbox.pool = pool.name;
    COMMON_CHECK(core_.place(sandbox, image, host, {}));
    return sandbox;
}

void Core::Pooling::make(Sandbox sandbox,
                         std::optional<common::SnapshotId> from,
                         const SandboxDone& done)
{
    CreateOnHost what{sandbox, true, core_.settings_.boot_timeout, std::move(from), true};
    const auto op =
        core_.begin_operation(Pending::Kind::create, caller(), sandbox, std::move(what));
    op->waiting.push_back(done);
    core_.make(op,
               sandbox,
               detail_of({{"pool", sandbox.pool},
                          {"source", sandbox.pool_source ? "yes" : "no"},
                          {"image", sandbox.image.str()},
                          {"image_digest", sandbox.image_digest}}));
}

bool Core::Pooling::make_one(const Pool& pool,
                             const common::HostName& host,
                             const Image& image,
                             const std::optional<common::SnapshotId>& from)
{
    const Key key{pool.name, host};
    auto sandbox = draft(pool, host, image);
    if (!sandbox) {
        no_room(key, sandbox.error());
        return false;
    }
    const auto begun = core_.clock_.steady();
    const auto blame = from ? Blame::source : Blame::nobody;
    make(*std::move(sandbox), from, [this, key, begun, blame](const Result<Sandbox>& made) {
        if (!made) {
            return failed(key, made.error(), blame);
        }
        if (made->phase != Phase::paused) { // A host from before warm pools lets it run.
            const auto phase = std::string{to_string(made->phase)};
            return failed(
                key,
                {ErrorCode::failed_precondition, "one that was to stand ready is " + phase},
                Blame::nobody);
        }
        auto& counts = counts_[key.first];
        const std::chrono::duration<double, std::milli> took = core_.clock_.steady() - begun;
        constexpr double share = 0.2; // Of the latest in the mean.
        counts.refill_time =
            counts.refills == 0 ? took : counts.refill_time * (1 - share) + took * share;
        ++counts.refills;
        troubles_.erase(key);
    });
    return true;
}

void Core::Pooling::make_source(const Pool& pool, const common::HostName& host, const Image& image)
{
    const Key key{pool.name, host};
    auto drafted = draft(pool, host, image);
    if (!drafted) {
        return no_room(key, drafted.error());
    }
    auto sandbox = *std::move(drafted);
    const auto id = sandbox.id;
    sandbox.pool_source = true;
    sources_under_way_.insert(id);
    make(std::move(sandbox), {}, [this, key, id](const Result<Sandbox>& made) {
        if (!made) {
            sources_under_way_.erase(id);
            return failed(key, made.error(), Blame::nobody);
        }
        keep_source(key, id);
    });
}

/// It has booted and stands still: its memory is kept, and it gives back what it holds.
void Core::Pooling::keep_source(const Key& key, const common::SandboxId& id)
{
    const auto give_up = [this, key, id](const Error& why) {
        sources_under_way_.erase(id); // The next tick destroys it.
        failed(key, why, Blame::nobody);
    };
    core_.begin_snapshot(
        caller(),
        id,
        {source_name, true},
        Kept::by_name,
        [this, id, give_up](const Result<Checkpoint>& taken) {
            if (!taken) {
                return give_up(taken.error());
            }
            if (!taken->has_memory || !taken->frozen) {
                return give_up({ErrorCode::failed_precondition,
                                "the source's memory was not kept as clones need it"});
            }
            core_.begin_suspend(caller(), id, [this, id, give_up](const Result<Sandbox>& done) {
                if (!done) {
                    return give_up(done.error());
                }
                sources_under_way_.erase(id);
            });
        });
}

/// Nobody's fault: it is tried again soon, and said meanwhile.
void Core::Pooling::no_room(const Key& key, const Error& why)
{
    auto& trouble = troubles_[key];
    trouble.error = why.message + (why.details.empty() ? "" : ": " + why.details);
    trouble.until = core_.clock_.steady() + first_pause;
}

void Core::Pooling::failed(const Key& key, const Error& why, Blame blame)
{
    const auto* pool = find(key.first);
    if (pool == nullptr) {
        return;
    }
    auto& trouble = troubles_[key];
    const auto pause = first_pause * (1U << std::min(trouble.in_a_row, 6U));
    ++trouble.in_a_row;
    trouble.error = why.message;
    trouble.until = core_.clock_.steady() + std::min<std::chrono::seconds>(pause, longest_pause);
    ++counts_[key.first].failures;
    spdlog::warn("pool {} on host {}: {}", key.first, key.second.str(), why.message);
    // What the database or a busy host says is no word about the source.
    const bool telling = why.code == ErrorCode::failed_precondition ||
                         why.code == ErrorCode::timeout || why.stable_reason() == "host_failed" ||
                         why.stable_reason() == "not_warm";
    if (blame == Blame::nobody || !telling || ++trouble.of_source % doubted_after != 0) {
        return;
    }
    const auto standing = this->standing(*pool, key.second);
    if (standing.checkpoint && !core_.pending_of_.contains(standing.source->id)) {
        throw_out(standing.source->id, "what is cloned from it fails");
    }
}

void Core::Pooling::add_to(CoreFigures& figures) const
{
    std::map<std::string, std::uint64_t> ready;
    for (const auto& id : core_.fleet_.all_pooled()) {
        const auto& sandbox = *core_.fleet_.find(id);
        const auto* const pool = find(sandbox.pool);
        ready[sandbox.pool] += pool != nullptr && fits(*pool, sandbox) && is_ready(sandbox) ? 1 : 0;
    }
    for (const auto& [name, pool] : pools_) {
        const auto counts = counts_.contains(name) ? counts_.at(name) : Counts{};
        figures.pools.push_back({.name = name,
                                 .wanted = std::uint64_t{target(pool)} * hosts_of(pool).size(),
                                 .ready = ready[name],
                                 .hits = counts.hits,
                                 .misses = counts.misses,
                                 .refills = counts.refills,
                                 .failures = counts.failures});
    }
}

} // namespace coordinator
