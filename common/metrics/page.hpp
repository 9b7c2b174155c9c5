#pragma once

#include "common/metrics/histogram.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace prometheus {
struct MetricFamily;
enum class MetricType;
} // namespace prometheus

namespace common::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// What a daemon tells Prometheus at one moment, as values. Whoever owns a figure adds it on its
/// own thread, or copies it for another one: nothing is counted here, so nothing is locked. A
/// family that is named has its help and type on the page also while it has no value.
class Page {
public:
    Page();
    ~Page();
    Page(Page&&) noexcept;
    Page& operator=(Page&&) noexcept;

    /// Values of one name; lives no longer than its page.
    class Family {
    public:
        template <typename Number>
        requires std::is_arithmetic_v<Number> Family& add(Number value, Labels labels = {})
        {
            return put(static_cast<double>(value), std::move(labels));
        }
        /// In seconds.
        Family& add(std::chrono::duration<double> value, Labels labels = {})
        {
            return put(value.count(), std::move(labels));
        }
        /// Of a histogram's alone.
        Family& add(const Histogram& histogram, Labels labels = {});

    private:
        friend class Page;
        Family& put(double value, Labels labels);
        Family(Page& page, std::size_t index) : page_{&page}, index_{index} {}
        Page* page_;
        std::size_t index_;
    };
    /// Names in base units, a counter's ends in _total.
    Family gauge(std::string_view name, std::string_view help);
    Family counter(std::string_view name, std::string_view help);
    Family histogram(std::string_view name, std::string_view help);

    /// The text format, version 0.0.4.
    [[nodiscard]] std::string text() const;
    /// For an Exposer; the page is empty then.
    [[nodiscard]] std::vector<prometheus::MetricFamily> take();

private:
    Family add_family(std::string_view name, std::string_view help, prometheus::MetricType);

    std::unique_ptr<std::vector<prometheus::MetricFamily>> families_;
};

} // namespace common::metrics
