// Copies of sandboxes on other hosts.
#include "coordinator/core/replicating.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::uint64_t every_so_many_ticks = 2;
/// More would share the same disk and the same way.
constexpr unsigned most_of_a_host = 2;
/// Until what came to nothing is tried again; what was in use may be quiet soon.
constexpr std::chrono::seconds replica_pause_while_busy{5};
constexpr std::chrono::seconds replica_pause_after_failure{30};
/// What a host could not delete.
constexpr std::chrono::seconds drop_again_after{30};

bool can_be_copied(Phase phase)
{
    return phase == Phase::running || phase == Phase::paused || phase == Phase::stopped ||
           phase == Phase::created;
}

} // namespace

Caller Core::Replicating::ours(const Checkpoint& copy) const
{
    return {"system:replicas", copy.tenant, common::mint<common::RequestId>()};
}

void Core::Replicating::adopt(std::vector<Replica> all)
{
    for (auto& row : all) {
        const Key key{row.copy.id, row.copy.host};
        of_[row.copy.sandbox].insert(key);
        all_.insert_or_assign(key, std::move(row));
    }
}

void Core::Replicating::resume()
{
    for (const auto& [key, row] : all_) {
        if (row.dropping) {
            ask_to_drop(row);
        }
    }
}

bool Core::Replicating::has(const common::HostName& host, const common::SnapshotId& id) const
{
    const auto found = all_.find({id, host});
    return found != all_.end() && !found->second.dropping;
}

bool Core::Replicating::keeps(const common::HostName& host, const common::SnapshotId& id) const
{
    if (!has(host, id)) {
        return false;
    }
    const auto* sandbox = core_.fleet_.find(all_.at({id, host}).copy.sandbox);
    return sandbox == nullptr || sandbox->host != host;
}

std::vector<Replica> Core::Replicating::of(const common::SandboxId& id) const
{
    std::vector<Replica> found;
    if (const auto keys = of_.find(id); keys != of_.end()) {
        for (const auto& key : keys->second) {
            if (const auto& row = all_.at(key); !row.dropping) {
                found.push_back(row);
            }
        }
    }
    return found;
}

std::vector<Replica> Core::Replicating::moments(const common::SandboxId& id) const
{
    std::map<common::HostName, Replica> newest;
    for (auto& row : of(id)) {
        if (const auto there = newest.find(row.copy.host);
            row.copy.hidden &&
            (there == newest.end() || there->second.copy.created_at < row.copy.created_at)) {
            newest.insert_or_assign(row.copy.host, std::move(row));
        }
    }
    std::vector<Replica> found;
    for (auto& [host, row] : newest) {
        found.push_back(std::move(row));
    }
    std::ranges::stable_sort(
        found, std::ranges::greater{}, [](const Replica& row) { return row.copy.created_at; });
    return found;
}

Change Core::Replicating::now(const Replica& row) const
{
    const auto found = all_.find({row.copy.id, row.copy.host});
    return found == all_.end() ? Change{ReplicaRemoval{row.copy.id, row.copy.host}}
                               : Change{found->second};
}

void Core::Replicating::made(const std::vector<Replica>& copies)
{
    std::vector<Change> changes;
    for (const auto& row : copies) {
        const Key key{row.copy.id, row.copy.host};
        all_.insert_or_assign(key, row);
        of_[row.copy.sandbox].insert(key);
        core_.fresh_[row.copy.id] = core_.clock_.steady();
        changes.emplace_back(row);
    }
    ++made_;
    core_.save_outcome(std::move(changes), [](const Result<>&) {});
}

void Core::Replicating::tick()
{
    if (ticks_++ % every_so_many_ticks == 0) {
        tidy();
        begin_due();
        count_late();
    }
}

/// What nobody needs any more, or needs there.
void Core::Replicating::tidy()
{
    std::vector<Replica> unneeded;
    std::vector<Key> own;
    for (const auto& [id, keys] : of_) {
        const auto* sandbox = core_.fleet_.find(id);
        const bool lives = sandbox != nullptr && sandbox->phase != Phase::destroyed;
        if (lives && (moving_.is_moving(id) || moving_.is_arriving(id))) {
            continue;
        }
        const auto newest = moments(id);
        for (const auto& key : keys) {
            const auto& row = all_.at(key);
            if (row.dropping) {
                continue;
            }
            if (lives &&
                (key.second == sandbox->host || sandbox->remains_on.contains(key.second))) {
                own.push_back(key); // What is there is its own, or goes with what it has left.
                continue;
            }
            const auto moment = std::ranges::find(
                newest, key.second, [](const Replica& one) { return one.copy.host; });
            const auto place = static_cast<std::size_t>(moment - newest.begin());
            const auto* listed = core_.checkpoints_.find(key.first);
            const bool needed =
                lives && moment != newest.end() && place < sandbox->replicas.count &&
                (row.copy.hidden
                     ? moment->copy.id == row.copy.id
                     : listed != nullptr && listed->status != Checkpoint::Status::deleted);
            if (!needed) {
                unneeded.push_back(row);
            }
        }
    }
    std::ranges::for_each(own, [this](const Key& key) { forget(key); });
    std::ranges::for_each(unneeded, [this](const Replica& row) { drop(row); });
}

void Core::Replicating::drop(const Replica& row)
{
    auto& now = all_.at({row.copy.id, row.copy.host});
    now.dropping = true;
    core_.save_outcome({now}, [](const Result<>&) {});
    ask_to_drop(now);
}

/// Not on record: its row says that it is to go, and it is asked for again after a restart.
void Core::Replicating::ask_to_drop(const Replica& row)
{
    Sandbox there;
    there.id = row.copy.sandbox;
    there.host = row.copy.host;
    const auto op = core_.begin_operation(Pending::Kind::drop_replica,
                                          ours(row.copy),
                                          there,
                                          DeleteSnapshotOnHost{row.copy.sandbox, row.copy.id});
    op->snapshot = row.copy.id;
    op->recorded = false;
    op->durable = true;
    core_.dispatch(op);
}

void Core::Replicating::finish(const Op& op, const HostAnswer& answer)
{
    core_.retire(op);
    const Key key{op->snapshot, op->host};
    const auto found = all_.find(key);
    if (found == all_.end()) {
        return;
    }
    if (!answer.error || answer.error->code == ErrorCode::not_found) {
        return forget(key);
    }
    spdlog::warn("host {} still has a copy of sandbox {}: {}",
                 key.second.str(),
                 found->second.copy.sandbox.str(),
                 answer.error->message);
    core_.loop_->after(drop_again_after, [this, key] {
        if (const auto still = all_.find(key); still != all_.end()) {
            ask_to_drop(still->second);
        }
    });
}

void Core::Replicating::forget(const Key& key)
{
    const auto found = all_.find(key);
    const auto id = found->second.copy.sandbox;
    all_.erase(found);
    if (auto& keys = of_.at(id); keys.erase(key) == 1 && keys.empty()) {
        of_.erase(id);
    }
    core_.save_outcome({ReplicaRemoval{key.first, key.second}}, [](const Result<>&) {});
}

/// What a host has lost of them is made again. One that came a moment ago may not have been there
/// when it looked.
void Core::Replicating::settle(const HostInventory& event)
{
    std::set<common::SnapshotId> there;
    for (const auto& report : event.checkpoints) {
        there.insert(report.id);
    }
    const auto is_fresh = [this](const common::SnapshotId& id) {
        const auto made = core_.fresh_.find(id);
        return made != core_.fresh_.end() &&
               core_.clock_.steady() - made->second < core_.settings_.checkpoint_grace;
    };
    std::vector<Key> gone;
    for (const auto& [key, row] : all_) {
        if (key.second == event.host && !there.contains(key.first) && !is_fresh(key.first)) {
            gone.push_back(key);
        }
    }
    for (const auto& key : gone) {
        if (!all_.at(key).dropping) {
            spdlog::error("host {} has lost its copy {} of sandbox {}",
                          key.second.str(),
                          key.first.str(),
                          all_.at(key).copy.sandbox.str());
        }
        forget(key);
    }
}

/// Nothing has run in it since.
bool Core::Replicating::is_as_it_was(const Sandbox& sandbox, const Replica& moment) const
{
    return sandbox.phase != Phase::running && sandbox.generation == moment.generation &&
           std::ranges::all_of(core_.checkpoints_.listed(sandbox.id), [&](const auto& listed) {
               return listed.status != Checkpoint::Status::ready ||
                      has(moment.copy.host, listed.id);
           });
}

bool Core::Replicating::takes_copies(const common::HostName& host, const Sandbox& sandbox) const
{
    const auto* known = core_.fleet_.host(host);
    const auto image = core_.fleet_.image_of(sandbox);
    return known != nullptr && is_open(known->host) && image &&
           std::ranges::find(image->hosts, host) != image->hosts.end();
}

/// The host whose copy is the most urgent; nothing if none is due. An empty name: another host is
/// to be found, since there are too few.
std::optional<common::HostName> Core::Replicating::due_on(const Sandbox& sandbox) const
{
    const auto now = core_.clock_.wall();
    auto copies = moments(sandbox.id);
    std::erase_if(copies, [this, &sandbox](const Replica& moment) {
        return moment.copy.host == sandbox.host || sandbox.remains_on.contains(moment.copy.host) ||
               !takes_copies(moment.copy.host, sandbox);
    });
    if (copies.size() < sandbox.replicas.count) {
        return common::HostName{};
    }
    const auto& oldest = copies[sandbox.replicas.count - 1].copy;
    const bool due = now - oldest.created_at >= sandbox.replicas.every &&
                     !is_as_it_was(sandbox, copies[sandbox.replicas.count - 1]);
    return due ? std::optional{oldest.host} : std::nullopt;
}

void Core::Replicating::begin_due()
{
    const auto steady = core_.clock_.steady();
    std::vector<std::pair<common::SandboxId, common::HostName>> due;
    for (const auto& [id, sandbox] : core_.fleet_.sandboxes()) {
        if (sandbox.replicas.count == 0 || sandbox.desired == Desired::destroyed ||
            !can_be_copied(sandbox.phase) || under_way_.contains(id)) {
            continue;
        }
        const auto trouble = troubles_.find(id);
        const auto host = core_.fleet_.hosts().find(sandbox.host);
        if ((trouble != troubles_.end() && steady < trouble->second.until) ||
            host == core_.fleet_.hosts().end() || host->second.host.health != HostHealth::ready) {
            continue;
        }
        if (const auto to = due_on(sandbox)) {
            due.emplace_back(id, *to);
        }
    }
    std::erase_if(troubles_, [this](const auto& entry) {
        const auto* sandbox = core_.fleet_.find(entry.first);
        return sandbox == nullptr || sandbox->phase == Phase::destroyed;
    });
    for (const auto& [id, to] : due) {
        const auto from = core_.fleet_.find(id)->host;
        if (from_[from] >= most_of_a_host || (!to.empty() && to_[to] >= most_of_a_host)) {
            continue;
        }
        ++from_[from];
        ++to_[to];
        under_way_.insert(id);
        const auto ended = [this, id = id, from, to = to](const Result<Sandbox>& copied) {
            --from_[from];
            --to_[to];
            under_way_.erase(id);
            if (copied) {
                troubles_.erase(id);
                return;
            }
            const auto why = copied.error().stable_reason();
            failed_ += why == "image_fetching" ? 0U : 1U;
            const bool soon = why == "busy" || why == "moving" || why == "wrong_state";
            const auto pause = soon ? replica_pause_while_busy : replica_pause_after_failure;
            troubles_.insert_or_assign(id, Trouble{copied.error(), core_.clock_.steady() + pause});
        };
        Checkpoint of_it;
        of_it.tenant = core_.fleet_.find(id)->tenant;
        moving_.begin_copy(ours(of_it), id, to, ended);
    }
}

} // namespace coordinator
