#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace coordinator::http {

/// What the HTTP layer counts about itself. Any thread.
class Counters {
public:
    void count(int status, std::chrono::microseconds took) noexcept;
    void begin() noexcept { in_flight_.fetch_add(1, std::memory_order_relaxed); }
    void end() noexcept { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

    /// Prometheus text; `connections` are open now.
    [[nodiscard]] std::string render(std::size_t connections) const;

private:
    /// Upper bounds of the duration histogram, in microseconds; the last has none.
    static constexpr std::array<std::uint64_t, 8> bounds_us{
        500, 1'000, 5'000, 25'000, 100'000, 1'000'000, 10'000'000, 60'000'000};

    std::array<std::atomic<std::uint64_t>, 6> by_class_{};
    std::array<std::atomic<std::uint64_t>, bounds_us.size() + 1> by_duration_{};
    std::atomic<std::uint64_t> duration_us_{0};
    std::atomic<std::uint64_t> in_flight_{0};
};

} // namespace coordinator::http
