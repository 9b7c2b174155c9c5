#pragma once

#include "common/clock.hpp"
#include "hostd/core/model.hpp"

#include <map>
#include <vector>

namespace hostd {

/// Tells whose network is in use from what guests have sent, looked at now and then. What they
/// receive says nothing: a bridge floods each one's broadcasts to all. One thread.
class TrafficMeter {
public:
    /// Those who have sent more since the last look than a guest that is left alone does. Who is
    /// seen for the first time, or counts from nothing again, is only noted down.
    std::vector<common::SandboxId> look(const std::vector<Traffic>& now, common::SteadyTime at);

private:
    /// By incarnation: each has counters of its own.
    std::map<std::pair<common::SandboxId, std::uint64_t>, Traffic> seen_;
    common::SteadyTime seen_at_{};
};

} // namespace hostd
