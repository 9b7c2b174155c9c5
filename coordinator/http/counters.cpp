#include "coordinator/http/counters.hpp"

#include "common/metrics/page.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator::http {

void Counters::count(int status, std::chrono::microseconds took) noexcept
{
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    const auto status_class = static_cast<std::size_t>(status / 100) % by_class_.size();
    by_class_.at(status_class).fetch_add(1, std::memory_order_relaxed);
    const auto seconds = static_cast<double>(us) / 1e6;
    std::size_t bucket = 0;
    while (bucket < bounds.size() && seconds > bounds.at(bucket)) {
        ++bucket;
    }
    by_duration_.at(bucket).fetch_add(1, std::memory_order_relaxed);
    duration_us_.fetch_add(us, std::memory_order_relaxed);
}

std::string Counters::render(std::size_t connections) const
{
    common::metrics::Page page;
    auto requests =
        page.counter("paddock_http_requests_total", "Requests answered, by status class.");
    for (std::size_t i = 2; i < by_class_.size(); ++i) {
        requests.add(by_class_.at(i).load(), {{"class", fmt::format("{}xx", i)}});
    }
    std::vector<std::uint64_t> counts;
    for (const auto& number : by_duration_) {
        counts.push_back(number.load());
    }
    page.histogram("paddock_http_request_duration_seconds", "Head read to reply ready.")
        .add(common::metrics::Histogram{
            bounds, std::move(counts), static_cast<double>(duration_us_.load()) / 1e6});
    page.gauge("paddock_http_requests_in_flight", "Requests being answered.")
        .add(in_flight_.load());
    page.gauge("paddock_http_connections", "Open connections.").add(connections);
    return page.text();
}

} // namespace coordinator::http
