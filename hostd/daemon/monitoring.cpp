#include "hostd/daemon/monitoring.hpp"

#include "common/log/log.hpp"
#include "hostd/metrics/host_page.hpp"

namespace hostd::daemon {

namespace {

/// As often as Prometheus comes by, as a rule.
constexpr std::chrono::seconds usage_interval{15};
/// Below the ten seconds that Prometheus waits.
constexpr std::chrono::seconds patience{3};

} // namespace

Monitoring::Monitoring(const std::string& address, Sources sources) : sources_{std::move(sources)}
{
    if (address.empty()) {
        return;
    }
    meter_.emplace([this] { return sources_.hypervisor.usages(); }, sources_.clock, usage_interval);
    auto listener = metrics::Listener::listen(address, [this] { return page(); });
    if (!listener) {
        spdlog::error("{}; going on without", listener.error().message);
        return;
    }
    listener_ = *std::move(listener);
    spdlog::info("metrics at {}, port {}", address, listener_->port());
}

common::metrics::Page Monitoring::page() const
{
    return metrics::page_of({.report = sources_.report(),
                             .libvirt_up = sources_.facts.libvirt_answers(),
                             .link_up = sources_.link.is_welcomed(),
                             .leader_epoch = sources_.link.epoch(),
                             .link_waiting = sources_.link.waiting(),
                             .service = sources_.service.figures(patience),
                             .usage = meter_->seen(),
                             .now = sources_.clock.steady()});
}

} // namespace hostd::daemon
