#pragma once

#include "common/mailbox.hpp"

#include <stdexcept>

namespace tests {

/// Things that arrive from another thread, taken one by one. take() waits with a
/// deadline, so that a test that would hang fails instead.
template <typename T>
class Arrivals {
public:
    void add(T item) { static_cast<void>(mailbox_.push(std::move(item))); }

    T take(std::chrono::milliseconds patience = std::chrono::seconds{20})
    {
        if (taken_.empty()) {
            taken_ = mailbox_.drain_until(std::chrono::steady_clock::now() + patience);
        }
        if (taken_.empty()) {
            throw std::runtime_error{"nothing arrived in time"};
        }
        T item = std::move(taken_.front());
        taken_.pop_front();
        return item;
    }

    /// The first that fits; those before it are dropped.
    template <typename Predicate>
    T take_until(Predicate fits)
    {
        for (;;) {
            T item = take();
            if (fits(item)) {
                return item;
            }
        }
    }

    /// Nothing has arrived by now.
    [[nodiscard]] bool empty()
    {
        if (taken_.empty()) {
            taken_ = mailbox_.drain_until(std::chrono::steady_clock::now());
        }
        return taken_.empty();
    }

private:
    common::Mailbox<T> mailbox_{100000};
    std::deque<T> taken_;
};

} // namespace tests
