#pragma once

#include "coordinator/core/moving.hpp"
#include "coordinator/core/replica.hpp"

namespace coordinator {

/// Sandboxes that other hosts are to have copies of: made again and again, and deleted there when
/// there are newer ones, or no sandbox any more.
///
/// A copy is what a move takes with it (Moving::begin_copy), at one moment of a sandbox that goes
/// on. Its rows are written when all of it is there, and the copy before it goes then: so there is
/// a whole one at each time. docs/replicas.md.
///
/// The core's own, and of its thread.
class Core::Replicating {
public:
    Replicating(Core& core, Moving& moving) : core_{core}, moving_{moving} {}

    /// At the start, before anything else is asked.
    void adopt(std::vector<Replica> all);
    /// Then: goes on with what was under way.
    void resume();
    void tick();
    /// An answer about one that a host is to delete.
    void finish(const Op& op, const HostAnswer& answer);
    /// A host has told of all that it has.
    void settle(const HostInventory& event);

    /// That host has it as a copy, by our records.
    [[nodiscard]] bool has(const common::HostName& host, const common::SnapshotId& id) const;
    /// Likewise, and it is not its sandbox's own host by now.
    [[nodiscard]] bool keeps(const common::HostName& host, const common::SnapshotId& id) const;
    /// All of it is there: it takes the place of what was there before.
    void made(const std::vector<Replica>& copies);
    /// Those of a sandbox that may be used, in no order.
    [[nodiscard]] std::vector<Replica> of(const common::SandboxId& id) const;
    /// Of each host the newest moment of it that is there, newest first.
    [[nodiscard]] std::vector<Replica> moments(const common::SandboxId& id) const;
    [[nodiscard]] ReplicaSet told(const Sandbox& sandbox) const;
    /// What monitoring is told of them, as of the last look.
    void add_to(CoreFigures& figures) const;
    /// A row as it is to be written by now.
    [[nodiscard]] Change now(const Replica& row) const;

private:
    struct Trouble {
        common::Error error;
        common::SteadyTime until; ///< It is left alone for so long.
    };
    using Key = std::pair<common::SnapshotId, common::HostName>;

    void tidy();
    void count_late();
    void begin_due();
    [[nodiscard]] std::optional<common::HostName> due_on(const Sandbox& sandbox) const;
    [[nodiscard]] bool is_as_it_was(const Sandbox& sandbox, const Replica& moment) const;
    [[nodiscard]] bool takes_copies(const common::HostName& host, const Sandbox& sandbox) const;
    void drop(const Replica& row);
    void ask_to_drop(const Replica& row);
    void forget(const Key& key);
    [[nodiscard]] Caller ours(const Checkpoint& copy) const;

    Core& core_;
    Moving& moving_;
    std::map<Key, Replica> all_;
    std::map<common::SandboxId, std::set<Key>> of_;
    std::map<common::SandboxId, Trouble> troubles_;
    std::map<common::HostName, unsigned> from_, to_; ///< How many are under way.
    std::set<common::SandboxId> under_way_;
    std::uint64_t ticks_ = 0, made_ = 0, failed_ = 0;
    std::size_t wanted_ = 0, late_ = 0; ///< As of the last look.
};

} // namespace coordinator
