#pragma once

#include "common/mutex.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

namespace coordinator {

/// What one reader gets, in order: somebody puts in, the reader takes out. Any thread. How much is
/// in it at most is up to who puts in.
template <typename Event>
class Feed {
public:
    /// Both are called on the reader's thread and must return at once.
    struct Ways {
        std::function<void(const Event&)> taken;
        std::function<void()> closed;
    };
    explicit Feed(Ways ways) : ways_{std::move(ways)} {}

    /// Dropped if nobody reads any more.
    void put(Event event) EXCLUDES(mutex_)
    {
        std::function<void()> news;
        {
            const common::MutexLock lock{mutex_};
            if (closed_) {
                return;
            }
            events_.push_back(std::move(event));
            news = news_;
        }
        if (news) {
            news();
        }
    }
    [[nodiscard]] std::size_t size() const EXCLUDES(mutex_)
    {
        const common::MutexLock lock{mutex_};
        return events_.size();
    }

    // The reader's side.
    /// `news` is called whenever something was put in, and at once if something is there.
    void on_news(std::function<void()> news) EXCLUDES(mutex_)
    {
        bool waiting = false;
        {
            const common::MutexLock lock{mutex_};
            news_ = news;
            waiting = !events_.empty();
        }
        if (waiting) {
            news();
        }
    }
    /// Nothing if nothing is there.
    std::optional<Event> take() EXCLUDES(mutex_)
    {
        std::optional<Event> event;
        {
            const common::MutexLock lock{mutex_};
            if (events_.empty()) {
                return std::nullopt;
            }
            event = std::move(events_.front());
            events_.pop_front();
        }
        ways_.taken(*event);
        return event;
    }
    /// Nobody reads any more.
    void close() EXCLUDES(mutex_)
    {
        {
            const common::MutexLock lock{mutex_};
            if (std::exchange(closed_, true)) {
                return;
            }
            events_.clear();
            news_ = nullptr;
        }
        ways_.closed();
    }

private:
    const Ways ways_;
    mutable common::Mutex mutex_;
    std::deque<Event> events_ GUARDED_BY(mutex_);
    std::function<void()> news_ GUARDED_BY(mutex_);
    bool closed_ GUARDED_BY(mutex_) = false;
};

} // namespace coordinator
