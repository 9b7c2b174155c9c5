#pragma once

#include "coordinator/core/store.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>

namespace coordinator {

/// Writes under way, and what is to be written again. The core thread's own.
struct Writing {
    struct Waiting {
        std::function<void(common::Result<>)> then;
        common::SteadyTime begun;
    };
    /// What waits for a write to end; here, so that the core's end ends it whatever the store does.
    std::map<std::uint64_t, Waiting> under_way;
    std::uint64_t begun = 0;
    /// Outcomes to be written again, in their order; what belongs together, together.
    std::deque<std::vector<Change>> unsaved;
    common::SteadyTime unsaved_since{}; ///< Nothing of `unsaved` is older.
    std::size_t flush_size = 1;         ///< How many the next try takes.
    bool flushing = false;

    void keep(std::vector<Change> changes, common::SteadyTime now)
    {
        unsaved_since = unsaved.empty() ? now : unsaved_since;
        unsaved.push_back(std::move(changes));
    }
    /// How long the oldest change has not been durable.
    [[nodiscard]] common::SteadyTime::duration lag(common::SteadyTime now) const
    {
        const auto oldest = under_way.empty() ? now : under_way.begin()->second.begun;
        return now - (unsaved.empty() ? oldest : std::min(oldest, unsaved_since));
    }
};

} // namespace coordinator
