#pragma once

#include "common/mutex.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

namespace common {

/// A bounded queue from many threads to one: how one thread asks the owner of
/// some state to do something with it. Waits in the owner have deadlines.
template <typename T>
class Mailbox {
public:
    explicit Mailbox(std::size_t capacity) : capacity_{capacity} {}

    /// False when full or closed: the caller answers "busy"; nothing is dropped silently.
    [[nodiscard]] bool push(T item)
    {
        const std::scoped_lock lock{mutex_};
        if (closed_ || items_.size() >= capacity_) {
            return false;
        }
        items_.push_back(std::move(item));
        wake_.notify_one(); // Under the lock: the owner may destroy the mailbox once it has the
                            // item.
        return true;
    }

    /// Everything pushed so far, oldest first; waits until `deadline` for the
    /// first. Empty at the deadline, and at once when closed and drained.
    [[nodiscard]] std::deque<T> drain_until(std::chrono::steady_clock::time_point deadline)
    {
        std::unique_lock lock{mutex_};
        wake_.wait_until(lock, deadline, [this] { return closed_ || !items_.empty(); });
        return std::exchange(items_, {});
    }

    /// The oldest item; waits without limit; nothing when closed and drained.
    [[nodiscard]] std::optional<T> pop()
    {
        std::unique_lock lock{mutex_};
        wake_.wait(lock, [this] { return closed_ || !items_.empty(); });
        if (items_.empty()) {
            return std::nullopt;
        }
        T item = std::move(items_.front());
        items_.pop_front();
        return item;
    }

    /// Refuses further pushes and wakes every waiter; what is queued may be drained.
    void close()
    {
        const std::scoped_lock lock{mutex_};
        closed_ = true;
        wake_.notify_all();
    }

    /// How many wait.
    [[nodiscard]] std::size_t size() const
    {
        const std::scoped_lock lock{mutex_};
        return items_.size();
    }

    [[nodiscard]] bool closed() const
    {
        const std::scoped_lock lock{mutex_};
        return closed_ && items_.empty();
    }

private:
    const std::size_t capacity_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<T> items_;
    bool closed_ = false;
};

} // namespace common
