#pragma once

#include <thread>

namespace hostd::virt {

/// Runs libvirt's event loop in a thread of its own, for keepalives and callbacks. Libvirt
/// allows one such loop per process; it must run before any connection is opened.
class EventLoop {
public:
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

private:
    std::jthread thread_;
};

} // namespace hostd::virt
