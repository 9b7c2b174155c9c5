#pragma once

#include "coordinator/core/event_tail.hpp"

#include <atomic>
#include <mutex>

namespace test_support {

/// One feed, which the test fills.
class FakeEvents final : public coordinator::Events {
public:
    common::Result<coordinator::Following> follow(const coordinator::Caller&,
                                                  coordinator::EventFilter filter,
                                                  std::optional<std::uint64_t> from) override
    {
        const std::scoped_lock lock{mutex_};
        filters_.push_back(std::move(filter));
        return coordinator::Following{feed, from.value_or(40)};
    }
    std::vector<coordinator::EventFilter> filters()
    {
        const std::scoped_lock lock{mutex_};
        return filters_;
    }

    std::atomic<bool> closed{false};
    std::shared_ptr<coordinator::EventFeed> feed =
        std::make_shared<coordinator::EventFeed>(coordinator::EventFeed::Ways{
            [](const coordinator::AuditEvent&) {}, [this] { closed = true; }});

private:
    std::mutex mutex_;
    std::vector<coordinator::EventFilter> filters_;
};

} // namespace test_support
