#pragma once

#include "common/clock.hpp"
#include "common/mailbox.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <thread>

namespace common {

/// The thread that owns some state, and the only way to it: closures that run on
/// it one after another, now or later. None of them may block.
class EventLoop {
public:
    using Task = std::function<void()>;

    /// `capacity` bounds what waits to be run.
    EventLoop(const Clock& clock, std::size_t capacity) : clock_{clock}, mailbox_{capacity} {}
    ~EventLoop() { stop(); }
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    void start();
    /// Ends the thread; what is queued is dropped. From another thread.
    void stop();

    /// Any thread. False when full or stopped: the caller decides what that means.
    [[nodiscard]] bool post(Task task) { return mailbox_.push(std::move(task)); }

    /// On the loop's thread only: runs `task` once `delay` has passed.
    void after(std::chrono::milliseconds delay, Task task);

private:
    void run();

    const Clock& clock_;
    Mailbox<Task> mailbox_;
    std::multimap<SteadyTime, Task> timers_; ///< The thread's own.
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

} // namespace common
