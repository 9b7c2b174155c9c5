#pragma once

#include "common/clock.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace coordinator::store {

/// Ends waits that libpq has no deadline for: at its deadline a guarded socket is shut down,
/// and whoever reads from it gets an error. A server that is stopped, or a network that
/// swallows packets, can then hold up a thread only so long.
class Watchdog {
public:
    Watchdog();
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// While this lives the socket is watched; it must stay open as long.
    class Guard {
    public:
        Guard(Watchdog& dog, int fd, std::chrono::milliseconds patience);
        ~Guard();
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

    private:
        Watchdog& dog_;
        std::multimap<common::SteadyTime, int>::iterator entry_;
    };

private:
    void run();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::multimap<common::SteadyTime, int> watched_;
    common::SteadyTime waking_at_ = common::SteadyTime::max();
    bool stopping_ = false;
    std::thread thread_; ///< Last: it uses the others.
};

} // namespace coordinator::store
