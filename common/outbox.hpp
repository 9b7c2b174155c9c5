#pragma once

#include "common/mutex.hpp"
#include "common/unique_fd.hpp"

#include <cerrno>
#include <cstddef>
#include <deque>
#include <sys/eventfd.h>
#include <system_error>
#include <utility>

namespace common {

/// Things on their way to the one thread that owns a ZeroMQ socket. Any thread
/// pushes; the owner polls wake_fd() next to its socket and drains. A ZeroMQ socket
/// must not be touched by two threads, and a mutex around it does not help, because
/// poll and recv would have to hold it too.
template <typename T>
class Outbox {
public:
    explicit Outbox(std::size_t capacity)
        : capacity_{capacity}, wake_fd_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}
    {
        if (!wake_fd_) {
            throw std::system_error{errno, std::generic_category(), "eventfd"};
        }
    }

    /// False if the outbox is full; the caller decides what to shed.
    [[nodiscard]] bool push(T item) EXCLUDES(mutex_)
    {
        {
            const MutexLock lock{mutex_};
            if (items_.size() >= capacity_) {
                return false;
            }
            items_.push_back(std::move(item));
        }
        wake();
        return true;
    }

    /// Takes everything pushed so far, oldest first. The owner thread only.
    [[nodiscard]] std::deque<T> drain() EXCLUDES(mutex_)
    {
        eventfd_t ignored = 0;
        static_cast<void>(::eventfd_read(wake_fd_.get(), &ignored)); // EAGAIN: nobody pushed.
        const MutexLock lock{mutex_};
        return std::exchange(items_, {});
    }

    /// How many wait. Any thread.
    [[nodiscard]] std::size_t size() const EXCLUDES(mutex_)
    {
        const MutexLock lock{mutex_};
        return items_.size();
    }

    [[nodiscard]] int wake_fd() const noexcept { return wake_fd_.get(); }
    /// Wakes the owner without a message: something else changed.
    void wake() noexcept
    {
        // It cannot block: a full counter already means "awake".
        static_cast<void>(::eventfd_write(wake_fd_.get(), 1));
    }

private:
    const std::size_t capacity_;
    const UniqueFd wake_fd_;

    mutable Mutex mutex_;
    std::deque<T> items_ GUARDED_BY(mutex_);
};

} // namespace common
