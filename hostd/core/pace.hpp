#pragma once

#include "common/bytes.hpp"
#include "common/clock.hpp"

#include <algorithm>
#include <mutex>

namespace hostd {

/// So many bytes a second, and what a second was not used for at once. Any thread.
class Pace {
public:
    explicit Pace(common::Bytes per_second) : per_second_{per_second.count()} {}

    /// How long to wait before these are passed on. They count from now on.
    std::chrono::milliseconds take(std::size_t bytes, common::SteadyTime now)
    {
        if (per_second_ == 0) {
            return std::chrono::milliseconds{0};
        }
        const std::scoped_lock lock{mutex_};
        const auto due = std::max(due_, now - std::chrono::seconds{1});
        const std::chrono::duration<double> time{static_cast<double>(bytes) /
                                                 static_cast<double>(per_second_)};
        due_ = due + std::chrono::duration_cast<common::SteadyTime::duration>(time);
        return std::max(std::chrono::milliseconds{0},
                        std::chrono::ceil<std::chrono::milliseconds>(due - now));
    }

private:
    const std::uint64_t per_second_; ///< 0: no bound.
    std::mutex mutex_;
    common::SteadyTime due_{}; ///< Of the next.
};

} // namespace hostd
