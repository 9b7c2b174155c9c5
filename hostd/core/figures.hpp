#pragma once

#include "common/metrics/histogram.hpp"
#include "hostd/core/uplink.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hostd {

/// What the service counts of its own work. The loop's own.
struct ServiceCounts {
    std::map<std::pair<std::string, std::string>, std::uint64_t> operations; ///< Kind, result.
    std::map<std::string, common::metrics::Histogram> operation_times;       ///< By kind.
    common::metrics::Histogram boots; ///< Start to hello, of guests that were not loaded.

    void ended(const Command& command,
               const std::optional<common::Error>& error,
               std::chrono::microseconds took);
};

/// What the service tells of itself at one moment.
struct ServiceFigures {
    ServiceCounts counts;
    std::map<common::SandboxId, Phase> sandboxes;
    bool adopted = false; ///< All that was there when it began is read back.
    std::size_t checkpoints = 0;
    std::size_t under_way = 0; ///< Commands.
    std::size_t loop = 0;      ///< What waits for the loop.
    std::size_t booting = 0;   ///< Places for boots that are taken,
    std::size_t in_line = 0;   ///< and who waits for one.
    bool fenced = false;       ///< It has heard no leader for as long as it said it would wait.
    std::size_t held = 0;      ///< Sandboxes that stand still, or were stopped, for that.
    std::optional<std::chrono::milliseconds> leader_silence; ///< None: it has no fence.
};

} // namespace hostd
