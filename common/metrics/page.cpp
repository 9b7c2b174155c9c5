#include "common/metrics/page.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <numeric>
#include <utility>

namespace common::metrics {

using prometheus::ClientMetric;
using prometheus::MetricType;

namespace {

ClientMetric labelled(Labels labels)
{
    ClientMetric metric;
    metric.label.reserve(labels.size());
    for (auto& [name, value] : labels) {
        metric.label.push_back({std::move(name), std::move(value)});
    }
    return metric;
}

} // namespace

Page::Page() : families_{std::make_unique<std::vector<prometheus::MetricFamily>>()} {}

Page::~Page() = default;
Page::Page(Page&&) noexcept = default;
Page& Page::operator=(Page&&) noexcept = default;

Page::Family& Page::Family::put(double value, Labels labels)
{
    auto& family = page_->families_->at(index_);
    auto metric = labelled(std::move(labels));
    (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
    return *this;
}

Page::Family& Page::Family::add(const Histogram& histogram, Labels labels)
{
    auto metric = labelled(std::move(labels));
    auto& out = metric.histogram;
    const auto& counts = histogram.counts();
    out.sample_count = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    out.sample_sum = histogram.sum();
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        total += counts[i];
        const bool bounded = i < histogram.bounds().size();
        out.bucket.push_back(
            {total, bounded ? histogram.bounds()[i] : std::numeric_limits<double>::infinity()});
    }
    page_->families_->at(index_).metric.push_back(std::move(metric));
    return *this;
}

Page::Family Page::add_family(std::string_view name, std::string_view help, MetricType type)
{
    families_->push_back({std::string{name}, std::string{help}, type, {}});
    return {*this, families_->size() - 1};
}

Page::Family Page::gauge(std::string_view name, std::string_view help)
{
    return add_family(name, help, MetricType::Gauge);
}

Page::Family Page::counter(std::string_view name, std::string_view help)
{
    return add_family(name, help, MetricType::Counter);
}

Page::Family Page::histogram(std::string_view name, std::string_view help)
{
    return add_family(name, help, MetricType::Histogram);
}

std::string Page::text() const
{
    return prometheus::TextSerializer{}.Serialize(*families_);
}

std::vector<prometheus::MetricFamily> Page::take()
{
    return std::exchange(*families_, {});
}

} // namespace common::metrics
