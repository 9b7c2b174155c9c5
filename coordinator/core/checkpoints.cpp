#include "coordinator/core/checkpoints.hpp"

#include <algorithm>
#include <tuple>

namespace coordinator {

const Checkpoint* Checkpoints::find(const common::SnapshotId& id) const
{
    const auto found = all_.find(id);
    return found == all_.end() ? nullptr : &found->second;
}

void Checkpoints::unlist(const Checkpoint& checkpoint)
{
    const auto drop = [&checkpoint](auto& index, const auto& key) {
        if (const auto entry = index.find(key); entry != index.end()) {
            entry->second.erase(checkpoint.id);
            if (entry->second.empty()) {
                index.erase(entry);
            }
        }
    };
    drop(of_, checkpoint.sandbox);
    drop(on_, checkpoint.host);
}

void Checkpoints::put(Checkpoint checkpoint)
{
    if (const auto before = all_.find(checkpoint.id); before != all_.end()) {
        unlist(before->second); // It may have been on another host.
    }
    if (checkpoint.status != Checkpoint::Status::deleted) {
        of_[checkpoint.sandbox].insert(checkpoint.id);
        on_[checkpoint.host].insert(checkpoint.id);
    }
    const auto id = checkpoint.id;
    all_.insert_or_assign(id, std::move(checkpoint));
}

void Checkpoints::erase(const common::SnapshotId& id)
{
    if (const auto found = all_.find(id); found != all_.end()) {
        unlist(found->second);
        all_.erase(found);
    }
}

const Checkpoint* Checkpoints::named(const common::SandboxId& sandbox,
                                     const std::string& name) const
{
    const auto ids = of_.find(sandbox);
    if (ids == of_.end()) {
        return nullptr;
    }
    for (const auto& id : ids->second) {
        if (const auto& one = all_.at(id); !one.hidden && one.name == name) {
            return &one;
        }
    }
    return nullptr;
}

std::vector<Checkpoint> Checkpoints::of(const common::SandboxId& sandbox) const
{
    std::vector<Checkpoint> found;
    if (const auto ids = of_.find(sandbox); ids != of_.end()) {
        for (const auto& id : ids->second) {
            found.push_back(all_.at(id));
        }
    }
    std::ranges::sort(found, [](const Checkpoint& a, const Checkpoint& b) {
        const auto older = common::to_unix_us(a.created_at); // As a Position has it.
        const auto newer = common::to_unix_us(b.created_at);
        return std::tie(older, a.id) < std::tie(newer, b.id);
    });
    return found;
}

std::vector<Checkpoint> Checkpoints::listed(const common::SandboxId& sandbox) const
{
    auto found = of(sandbox);
    std::erase_if(found, [](const Checkpoint& one) { return one.hidden; });
    return found;
}

std::vector<Checkpoint> Checkpoints::on(const common::HostName& host) const
{
    std::vector<Checkpoint> found;
    if (const auto ids = on_.find(host); ids != on_.end()) {
        for (const auto& id : ids->second) {
            found.push_back(all_.at(id));
        }
    }
    return found;
}

std::size_t Checkpoints::count_on(const common::HostName& host) const
{
    const auto ids = on_.find(host);
    return ids == on_.end() ? 0 : ids->second.size();
}

common::SnapshotId Checkpoints::head(const common::SandboxId& sandbox) const
{
    const auto head = heads_.find(sandbox);
    auto id = head == heads_.end() ? common::SnapshotId{} : head->second;
    while (!id.empty()) {
        const auto* one = find(id);
        if (one != nullptr && one->status != Checkpoint::Status::deleted) {
            break;
        }
        id = one == nullptr ? common::SnapshotId{} : one->parent;
    }
    return id;
}

void Checkpoints::goes_on_from(const common::SandboxId& sandbox, const common::SnapshotId& id)
{
    heads_[sandbox] = id;
}

void Checkpoints::release(const common::SnapshotId& id)
{
    if (const auto one = held_.find(id); one != held_.end()) {
        held_.erase(one);
    }
}

void Checkpoints::forget(common::WallTime before)
{
    std::erase_if(all_, [before](const auto& entry) {
        return entry.second.deleted_at && *entry.second.deleted_at < before;
    });
    std::erase_if(heads_, [this](const auto& entry) { return !of_.contains(entry.first); });
}

} // namespace coordinator
