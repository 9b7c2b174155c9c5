#pragma once

#include "coordinator/core/model.hpp"

#include <chrono>

namespace coordinator {

/// What becomes of sandboxes and checkpoints that a host has, and no record names: they stay there,
/// get a record, or are destroyed (checkpoints stay then).
enum class Orphans { keep, adopt, destroy };

/// Every bound and patience of the core. What is answered when one is reached is said
/// where it is used.
struct CoreSettings {
    unsigned default_vcpus = 2; ///< Of an image that has no opinion.
    common::Bytes default_memory = common::Bytes::mib(2048);
    [[nodiscard]] unsigned vcpus_of(const Image& image) const
    {
        return image.default_vcpus > 0 ? image.default_vcpus : default_vcpus;
    }
    [[nodiscard]] common::Bytes memory_of(const Image& image) const
    {
        return image.default_memory > common::Bytes{} ? image.default_memory : default_memory;
    }

    std::chrono::milliseconds boot_timeout{60'000};
    std::chrono::milliseconds claim_timeout{5'000};  ///< Then the warm one is taken for dead.
    std::chrono::milliseconds make_timeout{60'000};  ///< Of a create that does not boot.
    std::chrono::milliseconds pause_timeout{30'000}; ///< Of pause and of resume.
    std::chrono::milliseconds suspend_timeout{120'000};
    std::chrono::milliseconds snapshot_timeout{
        120'000};                                   ///< Of taking, verifying, deleting; of images.
    std::chrono::milliseconds stop_timeout{30'000}; ///< Then its power is cut.
    std::chrono::milliseconds destroy_timeout{30'000}; ///< Then 504, and the work goes on.
    std::chrono::milliseconds command_timeout{120'000};
    std::chrono::milliseconds ip_timeout{30'000};
    std::chrono::milliseconds vms_timeout{5'000};
    /// What an answer may take on its way beyond what was asked of the host.
    std::chrono::milliseconds grace{10'000};
    /// How long a command waits for an agent that has just lost its channel.
    std::chrono::milliseconds agent_patience{20'000};

    common::Bytes output_limit = common::Bytes::mib(1); ///< Of each of stdout and stderr.
    unsigned most_callers = 120;       ///< Blocked at once: what its API has of threads for them.
    std::size_t max_operations = 8192; ///< Under way at once; more get 429.
    unsigned max_snapshots_per_sandbox = 32;
    unsigned max_snapshots_per_host = 1024;
    unsigned max_images_per_host = 256;     ///< More it could not tell of: proto/wire_messages.cpp.
    std::chrono::hours snapshot_max_age{0}; ///< Older ones are deleted; 0: never.
    std::chrono::milliseconds old_snapshots_every{60'000};
    unsigned max_fork = 32; ///< Children of one fork.
    scheduler::Policy placement{};
    std::string oldest_hostd; ///< As 1.2.3: nothing is placed on an older one; "": on any.
    Orphans orphans = Orphans::keep;
    /// How long creates may be under way on a host before its pools are filled beside them.
    std::chrono::milliseconds refill_patience{10'000};

    /// Of a sandbox that nobody asks anything of, in which no command runs and which sends next to
    /// nothing over its network; 0: never. Hosts tell of traffic every ten seconds.
    std::chrono::milliseconds idle_pause_after{0};
    std::chrono::milliseconds idle_suspend_after{0};

    std::chrono::milliseconds suspect_after{7'000}; ///< Without a heartbeat.
    std::chrono::milliseconds lost_after{30'000};
    std::chrono::milliseconds tick{500};
    std::chrono::milliseconds resend_after{15'000};
    std::chrono::milliseconds destroy_again_after{5'000}; ///< When a host could not finish one.
    /// An inventory may have been made just before a checkpoint was: for this long after, its
    /// not being there proves nothing. Likewise heartbeats, and images made or removed.
    std::chrono::milliseconds checkpoint_grace{10'000};
    std::chrono::hours keep_destroyed{24};
};

} // namespace coordinator
