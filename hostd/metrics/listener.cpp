#include "hostd/metrics/listener.hpp"

#include <exception>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <utility>

namespace hostd::metrics {

namespace {

class Source final : public prometheus::Collectable {
public:
    explicit Source(std::function<common::metrics::Page()> make) : make_{std::move(make)} {}
    [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override
    {
        return make_().take();
    }

private:
    const std::function<common::metrics::Page()> make_;
};

/// Whoever asks slowly holds one of two threads: not for long.
std::vector<std::string> options(const std::string& address)
{
    return {"listening_ports", address, "num_threads", "2", "request_timeout_ms", "5000"};
}

} // namespace

struct Listener::Parts {
    std::shared_ptr<Source> source;
    prometheus::Exposer exposer;
};

Listener::Listener(std::unique_ptr<Parts> parts) : parts_{std::move(parts)} {}

Listener::~Listener() = default;

common::Result<std::unique_ptr<Listener>>
Listener::listen(const std::string& address, std::function<common::metrics::Page()> make)
{
    try {
        auto source = std::make_shared<Source>(std::move(make));
        std::unique_ptr<Parts> parts{new Parts{source, prometheus::Exposer{options(address)}}};
        parts->exposer.RegisterCollectable(source);
        return std::unique_ptr<Listener>{new Listener{std::move(parts)}};
    } catch (const std::exception& error) {
        return common::Error{common::ErrorCode::unavailable,
                             "serve metrics at " + address + ": " + error.what()};
    }
}

int Listener::port() const
{
    return parts_->exposer.GetListeningPorts().front();
}

} // namespace hostd::metrics
