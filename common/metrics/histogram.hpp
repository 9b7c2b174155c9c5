#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace common::metrics {

/// Upper bounds of what takes from a millisecond to minutes, in seconds.
inline constexpr std::array durations{0.001,
                                      0.0025,
                                      0.005,
                                      0.01,
                                      0.025,
                                      0.05,
                                      0.1,
                                      0.25,
                                      0.5,
                                      1.0,
                                      2.5,
                                      5.0,
                                      10.0,
                                      30.0,
                                      60.0,
                                      300.0};

/// How often something came in each of a few ranges, and the sum. A plain value: its owner's, and
/// copied for whoever shows it.
class Histogram {
public:
    /// `bounds`: the ranges' upper ends, ascending; they outlive this. Beyond them is one more.
    explicit Histogram(std::span<const double> bounds) : bounds_{bounds}, counts_(bounds.size() + 1)
    {}
    Histogram() : Histogram{durations} {}
    /// As it was counted elsewhere. `counts`: of each range, and of what lies beyond them.
    Histogram(std::span<const double> bounds, std::vector<std::uint64_t> counts, double sum)
        : bounds_{bounds}, counts_{std::move(counts)}, sum_{sum}
    {}

    void observe(double value) noexcept
    {
        std::size_t range = 0;
        while (range < bounds_.size() && value > bounds_[range]) {
            ++range;
        }
        ++counts_[range];
        sum_ += value;
    }
    /// In seconds.
    template <typename Rep, typename Period>
    void observe(std::chrono::duration<Rep, Period> took) noexcept
    {
        observe(std::chrono::duration<double>{took}.count());
    }

    [[nodiscard]] std::span<const double> bounds() const noexcept { return bounds_; }
    [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
    [[nodiscard]] double sum() const noexcept { return sum_; }

private:
    std::span<const double> bounds_;
    std::vector<std::uint64_t> counts_;
    double sum_ = 0;
};

} // namespace common::metrics
