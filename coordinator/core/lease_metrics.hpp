#pragma once

#include "coordinator/core/store.hpp"

#include <fmt/format.h>
#include <string>

namespace coordinator {

/// Whether this process may write, as Prometheus' text. One that stands by answers nothing itself:
/// who asks it is told by the leader.
inline std::string lease_metrics(Store& store)
{
    return fmt::format("# HELP paddock_leader Whether this coordinator has the lease.\n"
                       "# TYPE paddock_leader gauge\npaddock_leader {}\n"
                       "# HELP paddock_leader_epoch Of the coordinator that answers.\n"
                       "# TYPE paddock_leader_epoch gauge\npaddock_leader_epoch {}\n",
                       store.lease() ? 1 : 0,
                       store.epoch());
}

} // namespace coordinator
