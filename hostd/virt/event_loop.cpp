#include "hostd/virt/event_loop.hpp"

#include "hostd/virt/last_error.hpp"

#include <libvirt/libvirt.h>
#include <mutex>

namespace hostd::virt {

EventLoop::EventLoop()
{
    static std::once_flag registered;
    std::call_once(registered, [] {
        silence_libvirt();
        virEventRegisterDefaultImpl();
    });
    thread_ = std::jthread{[](const std::stop_token& stop) {
        // A timer, so that the loop looks up now and then: nothing else wakes it at the end.
        const int timer = virEventAddTimeout(
            200, [](int, void*) {}, nullptr, nullptr);
        while (!stop.stop_requested()) {
            virEventRunDefaultImpl();
        }
        // What was closed last goes only in the loop, when it is idle: a callback at one turn,
        // then the connection that it kept, then its socket.
        virEventUpdateTimeout(timer, 1);
        for (int turn = 0; turn < 10; ++turn) {
            virEventRunDefaultImpl();
        }
        virEventRemoveTimeout(timer);
    }};
}

EventLoop::~EventLoop() = default;

} // namespace hostd::virt
