#include "coordinator/core/live_execs.hpp"

namespace coordinator {

void ExecFeed::put(Event event)
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

void ExecFeed::on_news(std::function<void()> news)
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

std::optional<ExecFeed::Event> ExecFeed::take()
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
    if (const auto* output = std::get_if<Output>(&*event); output != nullptr) {
        ways_.taken(static_cast<std::uint32_t>(output->data.size()));
    }
    return event;
}

void ExecFeed::close()
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

} // namespace coordinator
