#pragma once

#include "hostd/core/sandbox_service.hpp"
#include "hostd/daemon/host_facts.hpp"
#include "hostd/link/coordinator_link.hpp"
#include "hostd/metrics/listener.hpp"
#include "hostd/metrics/usage_meter.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace hostd::daemon {

/// Serves this host's metrics, if it is to. An address that is taken is an error in the log: no
/// sandbox goes without its host for it, and whoever watches sees that nothing comes.
class Monitoring {
public:
    struct Sources {
        const HostFacts& facts;
        std::function<HostReport()> report;
        SandboxService& service;
        const link::CoordinatorLink& link;
        const Hypervisor& hypervisor;
        const common::Clock& clock;
    };
    /// `address`: of Settings::metrics_listen.
    Monitoring(const std::string& address, Sources sources);

private:
    [[nodiscard]] common::metrics::Page page() const;

    const Sources sources_;
    std::optional<metrics::UsageMeter> meter_;
    std::unique_ptr<metrics::Listener> listener_; ///< Before the rest ends.
};

} // namespace hostd::daemon
