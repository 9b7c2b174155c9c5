#pragma once

#include "hostd/core/model.hpp"

#include <deque>

namespace hostd::link {

/// Status updates, numbered from 1 and kept until the coordinator has committed
/// them. Bounded: over `capacity` only the latest of each sandbox is kept, which is
/// all that the next inventory would tell. One thread.
class StatusLog {
public:
    struct Entry {
        std::uint64_t seq;
        SandboxStatus status;
    };
    explicit StatusLog(std::size_t capacity) : capacity_{capacity} {}

    const Entry& add(SandboxStatus status);
    /// Everything up to `seq` is committed. A number that was never given is ignored.
    void acknowledge(std::uint64_t seq);
    /// Oldest first: to be sent again after a reconnect.
    [[nodiscard]] const std::deque<Entry>& unacknowledged() const noexcept { return entries_; }

private:
    void collapse();

    const std::size_t capacity_;
    std::uint64_t last_ = 0;
    std::deque<Entry> entries_;
};

} // namespace hostd::link
