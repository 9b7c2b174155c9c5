#pragma once

#include "common/metrics/page.hpp"
#include "coordinator/core/counts.hpp"
#include "coordinator/core/store.hpp"

namespace coordinator {

/// What the core tells of itself at one moment. It is gathered on the core's thread, in a time that
/// grows with hosts, pools and what waits, not with sandboxes; the page is made of it elsewhere.
struct CoreFigures {
    struct OfHost {
        std::string name;
        bool up = false; ///< Heard of late.
        bool open = false;
        bool cordoned = false;
        unsigned vcpus = 0, reserved_vcpus = 0, sandboxes = 0;
        common::Bytes memory, reserved_memory, available_memory, disk, free_disk;
        double load1 = 0;
        std::size_t warnings = 0;
    };
    struct OfPool {
        std::string name;
        std::uint64_t wanted = 0, ready = 0;
        std::uint64_t hits = 0, misses = 0, refills = 0, failures = 0;
    };
    CoreCounts counts;
    std::map<Phase, std::size_t> phases;
    std::map<std::string, std::size_t> health; ///< How many hosts.
    std::vector<OfHost> hosts;
    std::vector<OfPool> pools;
    std::size_t under_way = 0, waiting = 0, loop = 0, link = 0, writes = 0, unsaved = 0;
    std::chrono::duration<double> lag{0};
    std::size_t replicated = 0, late = 0; ///< Sandboxes.
    std::uint64_t replicas_made = 0, replicas_failed = 0;
    std::chrono::duration<double> waited{0}; ///< For the core's thread.
    std::chrono::duration<double> took{0};   ///< Of its time.
};

void describe(const CoreFigures& figures, common::metrics::Page& page);
void describe(const StoreFigures& figures, common::metrics::Page& page);

} // namespace coordinator
