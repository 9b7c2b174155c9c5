#pragma once

#include "common/result.hpp"
#include "hostd/virt/handles.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace hostd::virt {

/// Opens connections. Any thread.
class Opener {
public:
    explicit Opener(std::string uri) : uri_{std::move(uri)} {}

    /// A connection whose keepalive notices a frozen daemon within about ten seconds, if the
    /// process runs an EventLoop: calls that wait for the daemon then end as `unavailable`.
    /// `unavailable` if there is no daemon, after ten seconds if it does not answer, and at
    /// once while it has not answered one that was given up.
    common::Result<Connection> open();

private:
    const std::string uri_;
    /// Calls of virConnectOpen that nobody waits for any more.
    const std::shared_ptr<std::atomic<int>> given_up_ = std::make_shared<std::atomic<int>>(0);
};

} // namespace hostd::virt
