#pragma once

#include "common/clock.hpp"
#include "common/mutex.hpp"
#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <functional>
#include <optional>
#include <thread>

namespace hostd::metrics {

/// Looks now and then at what sandboxes use, on a thread of its own: one call of libvirt for all of
/// them, and who asks never waits for it.
class UsageMeter {
public:
    struct Seen {
        std::vector<Usage> usages;
        std::optional<common::SteadyTime> at; ///< None: never yet.
        std::uint64_t failures = 0;
    };
    /// Hypervisor::usages(); it may take its time.
    using Look = std::function<common::Result<std::vector<Usage>>()>;

    UsageMeter(Look look, const common::Clock& clock, std::chrono::milliseconds interval);
    ~UsageMeter();
    UsageMeter(const UsageMeter&) = delete;
    UsageMeter& operator=(const UsageMeter&) = delete;

    /// As of the last look that libvirt answered. Any thread; returns at once.
    [[nodiscard]] Seen seen() const EXCLUDES(mutex_);

private:
    void run(const std::stop_token& stop);
    void look() EXCLUDES(mutex_);

    const Look look_;
    const common::Clock& clock_;
    const std::chrono::milliseconds interval_;
    mutable common::Mutex mutex_;
    Seen seen_ GUARDED_BY(mutex_);
    std::jthread thread_;
};

} // namespace hostd::metrics
