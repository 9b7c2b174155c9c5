// What people and monitoring are told of copies.
#include "coordinator/core/figures.hpp"
#include "coordinator/core/replicating.hpp"

namespace coordinator {

ReplicaSet Core::Replicating::told(const Sandbox& sandbox) const
{
    ReplicaSet set;
    set.policy = sandbox.replicas;
    set.under_way = under_way_.contains(sandbox.id);
    const auto all = of(sandbox.id);
    for (const auto& moment : moments(sandbox.id)) {
        if (moment.copy.host == sandbox.host) {
            continue;
        }
        ReplicaSet::OnHost one{
            moment.copy.host, moment.copy.created_at, moment.copy.has_memory, moment.copy.size, 0};
        for (const auto& row : all) {
            one.snapshots += row.copy.host == one.host && !row.copy.hidden ? 1 : 0;
        }
        set.copies.push_back(std::move(one));
    }
    if (const auto trouble = troubles_.find(sandbox.id); trouble != troubles_.end()) {
        set.error = trouble->second.error.message;
        set.reason = trouble->second.error.stable_reason();
    } else if (sandbox.replicas.count > 0 && sandbox.phase == Phase::suspended &&
               set.copies.empty()) {
        set.error = "it is suspended: it is copied once it is awake";
        set.reason = "suspended";
    }
    return set;
}

void Core::Replicating::count_late()
{
    wanted_ = 0;
    late_ = 0;
    const auto now = core_.clock_.wall();
    for (const auto& [id, sandbox] : core_.fleet_.sandboxes()) {
        if (sandbox.replicas.count == 0 || sandbox.phase == Phase::destroyed) {
            continue;
        }
        ++wanted_;
        const auto copies = moments(id);
        const bool has = copies.size() >= sandbox.replicas.count;
        late_ += !has || (!is_as_it_was(sandbox, copies.front()) &&
                          now - copies.front().copy.created_at > 2 * sandbox.replicas.every)
                     ? 1
                     : 0;
    }
}

void Core::Replicating::add_to(CoreFigures& figures) const
{
    figures.replicated = wanted_;
    figures.late = late_;
    figures.replicas_made = made_;
    figures.replicas_failed = failed_;
}

} // namespace coordinator
