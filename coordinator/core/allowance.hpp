#pragma once

#include "common/clock.hpp"

#include <algorithm>
#include <cstdint>

namespace coordinator {

/// So many bytes a second; what is not taken is kept, up to a bound, with which it begins.
class Allowance {
public:
    Allowance(std::uint64_t per_second, std::uint64_t most, common::SteadyTime now)
        : per_second_{per_second}, most_{most}, left_{most}, at_{now}
    {}

    [[nodiscard]] std::uint64_t left(common::SteadyTime now)
    {
        // Longer than that it is full anyway, and no product overflows.
        constexpr std::chrono::microseconds longest{std::chrono::hours{1}};
        const auto passed = std::clamp(
            std::chrono::duration_cast<std::chrono::microseconds>(now - at_), {}, longest);
        const auto more =
            per_second_ * static_cast<std::uint64_t>(passed.count()) / std::micro::den;
        if (more > 0) {
            left_ = std::min(most_, left_ + more);
            at_ = now;
        }
        return left_;
    }
    /// No more than is left.
    void take(std::uint64_t bytes) { left_ -= bytes; }

private:
    const std::uint64_t per_second_;
    const std::uint64_t most_;
    std::uint64_t left_;
    common::SteadyTime at_;
};

} // namespace coordinator
