#pragma once

#include "common/metrics/histogram.hpp"
#include "coordinator/core/hosts.hpp"

#include <array>
#include <map>
#include <string>
#include <utility>

namespace coordinator {

/// What the core counts of its own work, for those who watch it. The core thread's own.
struct CoreCounts {
    static constexpr std::array write_bounds{
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0};
    /// Hosts name reasons, too, and may lie: beyond these they are "other".
    static constexpr std::size_t most_reasons = 64;

    std::uint64_t placements = 0; ///< Tried; of those that are equal each comes in its turn.
    std::uint64_t creates = 0;
    std::uint64_t commands = 0;
    std::uint64_t failed_writes = 0;
    std::uint64_t image_bytes = 0;                 ///< That hosts have fetched of here.
    std::map<std::string, std::uint64_t> verdicts; ///< Of placements.
    /// What creates came to, in the callers' eyes: "ok", "refused" for what they asked, "failed",
    /// and the reason.
    std::map<std::pair<std::string, std::string>, std::uint64_t> create_results;
    std::map<std::pair<std::string, std::string>, std::uint64_t> operations; ///< Kind, result.
    std::map<std::string, common::metrics::Histogram> operation_times;       ///< By kind.
    common::metrics::Histogram create_times;   ///< In the callers' eyes, of those that were made.
    common::metrics::Histogram boots;          ///< Start to hello, by the hosts' word.
    common::metrics::Histogram exec_overheads; ///< All of a run but what its guest took.
    common::metrics::Histogram writes{write_bounds};
    std::array<std::uint64_t, std::variant_size_v<HostEvent>> host_messages{};

    void ended(std::string_view kind, std::string_view result, common::SteadyTime::duration took)
    {
        ++operations[{std::string{kind}, std::string{result}}];
        operation_times[std::string{kind}].observe(took);
    }
    void created(const common::Result<Sandbox>& made, common::SteadyTime::duration took);
};

} // namespace coordinator
