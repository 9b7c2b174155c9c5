#include "hostd/metrics/usage_meter.hpp"

#include <condition_variable>

namespace hostd::metrics {

UsageMeter::UsageMeter(Look look, const common::Clock& clock, std::chrono::milliseconds interval)
    : look_{std::move(look)}, clock_{clock}, interval_{interval}
{
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

UsageMeter::~UsageMeter() = default;

UsageMeter::Seen UsageMeter::seen() const
{
    const common::MutexLock lock{mutex_};
    return seen_;
}

void UsageMeter::run(const std::stop_token& stop)
{
    std::mutex mutex;
    std::condition_variable_any never;
    while (!stop.stop_requested()) {
        look();
        std::unique_lock lock{mutex};
        never.wait_for(lock, stop, interval_, [] { return false; });
    }
}

void UsageMeter::look()
{
    const auto at = clock_.steady();
    auto usages = look_();
    const common::MutexLock lock{mutex_};
    if (usages) {
        seen_.usages = *std::move(usages);
        seen_.at = at;
    } else {
        ++seen_.failures; // Why is among the host's warnings.
    }
}

} // namespace hostd::metrics
