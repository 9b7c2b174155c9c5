#pragma once

#include "common/clock.hpp"

#include <functional>
#include <map>

namespace hostd::simulated {

/// What is to happen later, of many hosts, on one thread. Of two that are due at the same time the
/// one that was asked for first comes first.
class Timers {
public:
    using Task = std::function<void()>;

    explicit Timers(const common::Clock& clock) : clock_{clock} {}

    void after(std::chrono::milliseconds delay, Task task)
    {
        waiting_.emplace(std::pair{clock_.steady() + delay, ++asked_}, std::move(task));
    }
    /// Runs all that is due; when the next one is.
    common::SteadyTime run_due()
    {
        const auto now = clock_.steady();
        while (!waiting_.empty() && waiting_.begin()->first.first <= now) {
            const auto due = waiting_.extract(waiting_.begin()); // It may ask for more.
            due.mapped()();
        }
        return waiting_.empty() ? common::SteadyTime::max() : waiting_.begin()->first.first;
    }

private:
    const common::Clock& clock_;
    std::uint64_t asked_ = 0;
    std::map<std::pair<common::SteadyTime, std::uint64_t>, Task> waiting_;
};

} // namespace hostd::simulated
