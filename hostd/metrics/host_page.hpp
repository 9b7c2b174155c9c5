#pragma once

#include "common/metrics/page.hpp"
#include "hostd/core/figures.hpp"
#include "hostd/core/uplink.hpp"
#include "hostd/metrics/usage_meter.hpp"

namespace hostd::metrics {

/// All that a host tells Prometheus.
struct HostFigures {
    HostReport report;
    bool libvirt_up = false;
    bool link_up = false;
    std::uint64_t leader_epoch = 0;        ///< The highest that it has heard of.
    std::size_t link_waiting = 0;          ///< Messages to the coordinator.
    std::optional<ServiceFigures> service; ///< None: its loop does not answer.
    UsageMeter::Seen usage;
    common::SteadyTime now;
};

common::metrics::Page page_of(const HostFigures& figures);

} // namespace hostd::metrics
