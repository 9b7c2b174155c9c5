#include "coordinator/store/watchdog.hpp"

#include <sys/socket.h>

namespace coordinator::store {

Watchdog::Watchdog() : thread_{[this] { run(); }} {}

Watchdog::~Watchdog()
{
    {
        const std::scoped_lock lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

Watchdog::Guard::Guard(Watchdog& dog, int fd, std::chrono::milliseconds patience) : dog_{dog}
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const std::scoped_lock lock{dog.mutex_};
    entry_ = dog.watched_.emplace(deadline, fd);
    if (deadline < dog.waking_at_) {
        dog.wake_.notify_one();
    }
}

Watchdog::Guard::~Guard()
{
    const std::scoped_lock lock{dog_.mutex_};
    dog_.watched_.erase(entry_);
}

void Watchdog::run()
{
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        const auto now = std::chrono::steady_clock::now();
        auto due = watched_.begin();
        for (; due != watched_.end() && due->first <= now; ++due) {
            static_cast<void>(::shutdown(due->second, SHUT_RDWR));
        }
        // What was due stays until its guard goes, and is shut down again meanwhile: harmless.
        waking_at_ = due != watched_.end() ? due->first : now + std::chrono::hours{1};
        wake_.wait_until(lock, waking_at_);
    }
}

} // namespace coordinator::store
