#pragma once

#include "coordinator/core/model.hpp"

namespace coordinator {

/// A checkpoint of a sandbox on a host that is not its own.
struct Replica {
    /// As it is there; `host` is the one that has it. A hidden one is the sandbox at one moment,
    /// the others are copies of snapshots that people made.
    Checkpoint copy;
    std::uint64_t generation = 0; ///< Of its sandbox, when that was captured.
    bool dropping = false;        ///< Its host is to delete it, and has not said yet that it has.
};

/// Its host has it no more.
struct ReplicaRemoval {
    common::SnapshotId id;
    common::HostName host;
};

/// What there is of a sandbox elsewhere, for who asks.
struct ReplicaSet {
    struct OnHost {
        common::HostName host;
        common::WallTime taken_at;
        bool has_memory = false;
        common::Bytes size;     ///< On disk there, without what it shares with other copies.
        unsigned snapshots = 0; ///< Copies of those that people made.
    };
    ReplicaPolicy policy;
    std::vector<OnHost> copies;
    bool under_way = false;
    std::string error;  ///< Why the last attempt came to nothing; "" if it did not.
    std::string reason; ///< Its stable word.
};

} // namespace coordinator
