#pragma once

#include "coordinator/core/model.hpp"

namespace coordinator {

enum class HostHealth { joining, ready, suspect, lost };
std::string_view to_string(HostHealth health) noexcept;

struct HostFacts {
    std::string hostname;
    std::string arch;
    std::string kernel;
    std::string cpu_model;
    std::string libvirt_version;
    std::string qemu_version;
    std::string hostd_version;
    std::string accel;
    std::string accel_reason;
    std::string state_engine; ///< fast | portable | "" while it is being tried.
    std::string state_engine_reason;
    std::string network_cidr;
    /// Where it gives images to other hosts, and its key (Z85), as it has proven it; "" of one that
    /// gives none. Known while it speaks, not on record.
    std::string peer_endpoint;
    std::string key;
    unsigned cores = 0;
    common::Bytes memory;
    common::Bytes memory_available;
    unsigned capacity_vcpus = 0;
    common::Bytes capacity_memory;
    common::Bytes overhead;
    common::Bytes disk;
    common::Bytes disk_free;
    double load1 = 0;
    /// Once nothing has been heard from it for so long, it hears from no leader either, and does to
    /// its sandboxes what `fence_action` says. 0: never.
    std::chrono::milliseconds fence_after{0};
    std::string fence_action; ///< keep | pause | stop; "" of a host that knows no fence.
    std::vector<std::string> warnings;
    std::vector<Image> images; ///< `hosts` is empty here.
};

/// A host is to be emptied; it is cordoned then, too.
struct Drain {
    common::WallTime since;
    common::WallTime until; ///< What has not left by then stays.

    friend bool operator==(const Drain&, const Drain&) = default;
};

/// A host is gone: what other hosts have copies of is to be brought back there. It is cordoned,
/// too.
struct Evacuation {
    common::WallTime since;
    bool powered_off = false; ///< An operator says that nothing runs there any more.

    friend bool operator==(const Evacuation&, const Evacuation&) = default;
};

/// What operators say of a host; it outlives restarts.
struct HostWish {
    bool cordoned = false; ///< Nothing more is to be placed on it.
    std::optional<Drain> drain{};
    Labels labels;
    Labels taints{}; ///< Only what tolerates all of them is placed there; what is there stays.
    std::optional<Evacuation> evacuation{};

    friend bool operator==(const HostWish&, const HostWish&) = default;
};

/// What is to change of it.
struct HostChange {
    std::optional<bool> cordoned{}; ///< Uncordoned, it is drained and evacuated no more.
    std::optional<std::chrono::seconds> drain{}; ///< From now on for so long; cordons it.
    std::optional<Evacuation> evacuation{};      ///< From now on; cordons it. `since` is not said.
    std::map<std::string, std::optional<std::string>> labels{}; ///< Without a value: it goes.
    std::map<std::string, std::optional<std::string>> taints{}; ///< Likewise.
};

/// How far a drain has come.
struct DrainProgress {
    enum class State {
        draining,
        drained,    ///< Nothing is left there.
        incomplete, ///< Its time is over, and something is.
    };
    struct Left {
        common::SandboxId sandbox;
        std::string tenant;
        std::string reason;  ///< A stable word; "moving", "waiting" where nothing is wrong.
        std::string message; ///< What keeps it there, a sentence.
    };
    State state = State::draining;
    unsigned moved = 0;     ///< By this coordinator.
    unsigned remaining = 0; ///< Sandboxes; those of pools are not counted.
    std::vector<Left> left; ///< Of these; who asks is told the first hundred of his own.
};
std::string_view to_string(DrainProgress::State state) noexcept; ///< "draining"

/// How far an evacuation has come.
struct EvacuationProgress {
    enum class State {
        evacuating,
        evacuated,  ///< Nothing is left that it should bring back.
        incomplete, ///< All that is left has something that keeps it there.
    };
    State state = State::evacuating;
    unsigned moved = 0; ///< By this coordinator.
    unsigned remaining = 0;
    std::vector<DrainProgress::Left> left;
};
std::string_view to_string(EvacuationProgress::State state) noexcept; ///< "evacuating"

struct Host {
    common::HostName name;
    HostHealth health = HostHealth::joining;
    /// It has come, or come back after long, and fetches the images that it lacked then: nothing
    /// new is placed on it before.
    bool warming = false;
    HostWish wish;
    HostFacts facts;
    unsigned used_vcpus = 0;   ///< Reserved, by the coordinator's own count.
    common::Bytes used_memory; ///< Likewise, overhead included.
    unsigned sandboxes = 0;
    std::optional<common::WallTime> last_seen;
    common::WallTime first_seen;
    std::optional<DrainProgress> drain{};           ///< Filled in for who asks, if it is drained.
    std::optional<EvacuationProgress> evacuation{}; ///< Likewise.
};
/// In one word, as people are told it: "warming" is a kind of ready.
inline std::string_view health_of(const Host& host) noexcept
{
    return host.health == HostHealth::ready && host.warming ? "warming" : to_string(host.health);
}
/// Whether what is new may be placed on it, as far as it alone is concerned.
inline bool is_open(const Host& host) noexcept
{
    return host.health == HostHealth::ready && !host.warming && !host.wish.cordoned;
}

} // namespace coordinator
