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
    /// Upper bounds of the duration histogram, in seconds; the last has none.
    static constexpr std::array bounds{0.0005, 0.001, 0.005, 0.025, 0.1, 1.0, 10.0, 60.0};

    std::array<std::atomic<std::uint64_t>, 6> by_class_{};
    std::array<std::atomic<std::uint64_t>, bounds.size() + 1> by_duration_{};
    std::atomic<std::uint64_t> duration_us_{0};
    std::atomic<std::uint64_t> in_flight_{0};
};

} // namespace coordinator::http
