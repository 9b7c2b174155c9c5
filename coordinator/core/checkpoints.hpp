#pragma once

#include "coordinator/core/model.hpp"

#include <set>

namespace coordinator {

/// Every checkpoint that there is, is being taken, or was deleted within a day. The core
/// thread's own. Deleted ones are only found by their id: so that an older word about one
/// cannot bring it back.
class Checkpoints {
public:
    [[nodiscard]] const Checkpoint* find(const common::SnapshotId& id) const;
    /// Adds or replaces.
    void put(Checkpoint checkpoint);
    /// It never was.
    void erase(const common::SnapshotId& id);
    /// Of those that people see.
    [[nodiscard]] const Checkpoint* named(const common::SandboxId& sandbox,
                                          const std::string& name) const;
    /// Oldest first, hidden ones too.
    [[nodiscard]] std::vector<Checkpoint> of(const common::SandboxId& sandbox) const;
    /// Likewise, those alone that people see.
    [[nodiscard]] std::vector<Checkpoint> listed(const common::SandboxId& sandbox) const;
    [[nodiscard]] std::vector<Checkpoint> on(const common::HostName& host) const;
    [[nodiscard]] std::size_t count_on(const common::HostName& host) const;

    /// What a sandbox goes on from: its checkpoint that was taken or restored last; may be empty.
    [[nodiscard]] common::SnapshotId head(const common::SandboxId& sandbox) const;
    void goes_on_from(const common::SandboxId& sandbox, const common::SnapshotId& id);

    /// Somebody needs it: it must not be deleted meanwhile.
    void hold(const common::SnapshotId& id) { held_.insert(id); }
    void release(const common::SnapshotId& id);
    [[nodiscard]] bool is_held(const common::SnapshotId& id) const { return held_.contains(id); }

    /// Forgets what was deleted before that.
    void forget(common::WallTime before);

private:
    void unlist(const Checkpoint& checkpoint);

    std::map<common::SnapshotId, Checkpoint> all_;
    // Without the deleted.
    std::map<common::SandboxId, std::set<common::SnapshotId>> of_;
    std::map<common::HostName, std::set<common::SnapshotId>> on_;

    std::map<common::SandboxId, common::SnapshotId> heads_;
    std::multiset<common::SnapshotId> held_;
};

} // namespace coordinator
