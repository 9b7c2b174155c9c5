#pragma once

#include "common/mutex.hpp"
#include "common/unique_fd.hpp"
#include "hostd/core/uplink.hpp"

#include <deque>

namespace hostd::link {

/// What the core hands to the link.
using Outgoing = std::variant<Answer, SandboxStatus, std::vector<SandboxStatus>>;

/// Things on their way to the one thread that owns the ZeroMQ socket. Any thread
/// pushes; the owner polls wake_fd() next to its socket and drains. A ZeroMQ socket
/// must not be touched by two threads, and a mutex around it does not help, because
/// poll and recv would have to hold it too.
class Outbox {
public:
    explicit Outbox(std::size_t capacity);

    /// False if the outbox is full; the caller decides what to shed.
    [[nodiscard]] bool push(Outgoing item) EXCLUDES(mutex_);

    /// Takes everything pushed so far, oldest first. The owner thread only.
    [[nodiscard]] std::deque<Outgoing> drain() EXCLUDES(mutex_);

    [[nodiscard]] int wake_fd() const noexcept { return wake_fd_.get(); }
    /// Wakes the owner without a message: something else changed.
    void wake() noexcept;

private:
    const std::size_t capacity_;
    const common::UniqueFd wake_fd_;

    common::Mutex mutex_;
    std::deque<Outgoing> items_ GUARDED_BY(mutex_);
};

} // namespace hostd::link
