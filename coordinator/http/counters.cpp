#include "coordinator/http/counters.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator::http {

void Counters::count(int status, std::chrono::microseconds took) noexcept
{
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    const auto status_class = static_cast<std::size_t>(status / 100) % by_class_.size();
    by_class_.at(status_class).fetch_add(1, std::memory_order_relaxed);
    std::size_t bucket = 0;
    while (bucket < bounds_us.size() && us > bounds_us.at(bucket)) {
        ++bucket;
    }
    by_duration_.at(bucket).fetch_add(1, std::memory_order_relaxed);
    duration_us_.fetch_add(us, std::memory_order_relaxed);
}

std::string Counters::render(std::size_t connections) const
{
    std::string out = "# HELP paddock_http_requests_total Requests answered, by status class.\n"
                      "# TYPE paddock_http_requests_total counter\n";
    for (std::size_t i = 2; i < by_class_.size(); ++i) {
        out += fmt::format(
            "paddock_http_requests_total{{class=\"{}xx\"}} {}\n", i, by_class_.at(i).load());
    }
    out += "# HELP paddock_http_request_duration_seconds Head read to reply ready.\n"
           "# TYPE paddock_http_request_duration_seconds histogram\n";
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < by_duration_.size(); ++i) {
        total += by_duration_.at(i).load();
        const auto bound = i < bounds_us.size()
                               ? fmt::format("{}", static_cast<double>(bounds_us.at(i)) / 1e6)
                               : std::string{"+Inf"};
        out += fmt::format(
            "paddock_http_request_duration_seconds_bucket{{le=\"{}\"}} {}\n", bound, total);
    }
    out += fmt::format("paddock_http_request_duration_seconds_sum {}\n"
                       "paddock_http_request_duration_seconds_count {}\n",
                       static_cast<double>(duration_us_.load()) / 1e6,
                       total);
    out += fmt::format("# HELP paddock_http_requests_in_flight Requests being answered.\n"
                       "# TYPE paddock_http_requests_in_flight gauge\n"
                       "paddock_http_requests_in_flight {}\n"
                       "# HELP paddock_http_connections Open connections.\n"
                       "# TYPE paddock_http_connections gauge\n"
                       "paddock_http_connections {}\n",
                       in_flight_.load(),
                       connections);
    return out;
}

} // namespace coordinator::http
