#include "common/event_loop.hpp"

#include <algorithm>

namespace common {

void EventLoop::start()
{
    thread_ = std::thread{[this] { run(); }};
}

void EventLoop::stop()
{
    stopping_ = true;
    mailbox_.close();
    if (thread_.joinable()) {
        thread_.join();
    }
    // What tasks hold must not outlive what they work on.
    static_cast<void>(mailbox_.drain_until(clock_.steady()));
    timers_.clear();
}

EventLoop::Timer EventLoop::after(std::chrono::milliseconds delay, Task task)
{
    const Timer timer{clock_.steady() + delay, ++timers_set_};
    timers_.emplace(timer, WorkingOn::carried(std::move(task)));
    return timer;
}

void EventLoop::run()
{
    // How long the loop sleeps when nothing is due; stop() wakes it at once.
    constexpr std::chrono::seconds idle{5};
    while (!stopping_) {
        auto until = clock_.steady() + idle;
        if (!timers_.empty()) {
            until = std::min(until, timers_.begin()->first.due);
        }
        for (auto& task : mailbox_.drain_until(until)) {
            if (stopping_) {
                return;
            }
            task();
        }
        const auto now = clock_.steady();
        while (!timers_.empty() && timers_.begin()->first.due <= now && !stopping_) {
            const auto task = std::move(timers_.begin()->second);
            timers_.erase(timers_.begin());
            task();
        }
    }
}

} // namespace common
