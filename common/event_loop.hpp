#pragma once

#include "common/clock.hpp"
#include "common/mailbox.hpp"
#include "common/working_on.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <thread>

namespace common {

/// The thread that owns some state, and the only way to it: closures that run on
/// it one after another, now or later. None of them may block. Each is run for whom it was given
/// (working_on.hpp).
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
    [[nodiscard]] bool post(Task task)
    {
        return mailbox_.push(WorkingOn::carried(std::move(task)));
    }

    /// How many tasks wait, beside those that it has taken and not come to. Any thread.
    [[nodiscard]] std::size_t waiting() const { return mailbox_.size(); }

    /// One thing that is to happen later.
    struct Timer {
        SteadyTime due;
        std::uint64_t number = 0;
        friend auto operator<=>(const Timer&, const Timer&) = default;
    };

    /// On the loop's thread only: runs `task` once `delay` has passed.
    Timer after(std::chrono::milliseconds delay, Task task);
    /// On the loop's thread only: it does not happen any more. Also when it has happened.
    void cancel(const Timer& timer) { timers_.erase(timer); }

private:
    void run();

    const Clock& clock_;
    Mailbox<Task> mailbox_;
    std::map<Timer, Task> timers_; ///< The thread's own.
    std::uint64_t timers_set_ = 0;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

} // namespace common
