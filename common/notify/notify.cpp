#include "common/notify/notify.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <fmt/format.h>
#include <future>
#include <mutex>
#include <systemd/sd-daemon.h>
#include <thread>

namespace common::notify {

namespace {

/// A status line is one line, whatever an error's message holds.
std::string in_one_line(std::string text)
{
    std::ranges::replace(text, '\n', ' ');
    return text;
}

void tell(const std::string& what, const std::string& status)
{
    // Nothing depends on it but what the service manager makes of its absence.
    static_cast<void>(
        ::sd_notify(0, fmt::format("{}STATUS={}", what, in_one_line(status)).c_str()));
}

/// Zero: nobody listens.
std::chrono::milliseconds between_looks()
{
    constexpr std::chrono::seconds for_the_status_alone{10};
    std::uint64_t watchdog_us = 0;
    if (::sd_watchdog_enabled(0, &watchdog_us) > 0) {
        return std::max(std::chrono::milliseconds{watchdog_us / 3000},
                        std::chrono::milliseconds{1});
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment by now.
    const bool somebody_listens = std::getenv("NOTIFY_SOCKET") != nullptr;
    return somebody_listens ? for_the_status_alone : std::chrono::milliseconds{};
}

} // namespace

void ready(const std::string& status)
{
    tell("READY=1\n", status);
}

void stopping(const std::string& status)
{
    tell("STOPPING=1\n", status);
}

struct Watchdog::Parts {
    explicit Parts(Look look_) : look{std::move(look_)} {}

    void run(std::chrono::milliseconds pause)
    {
        std::unique_lock lock{mutex};
        do {
            lock.unlock();
            const auto seen = look();
            lock.lock();
            if (seen && !ending) {
                tell("WATCHDOG=1\n", *seen);
            }
        } while (!wake.wait_for(lock, pause, [this] { return ending; }));
    }

    const Look look;
    std::mutex mutex;
    std::condition_variable wake;
    bool ending = false;
    std::thread thread;
};

Watchdog::Watchdog(Look look) : parts_{std::make_unique<Parts>(std::move(look))}
{
    if (const auto pause = between_looks(); pause.count() > 0) {
        parts_->thread = std::thread{[this, pause] { parts_->run(pause); }};
    }
}

Watchdog::~Watchdog()
{
    if (!parts_->thread.joinable()) {
        return;
    }
    {
        const std::scoped_lock lock{parts_->mutex};
        parts_->ending = true;
    }
    parts_->wake.notify_all();
    parts_->thread.join();
}

bool answers(const std::function<bool(std::function<void()>)>& post,
             std::chrono::milliseconds patience)
{
    // Shared: a loop that is late runs it when nobody waits any more.
    const auto ran = std::make_shared<std::promise<void>>();
    return post([ran] { ran->set_value(); }) &&
           ran->get_future().wait_for(patience) == std::future_status::ready;
}

} // namespace common::notify
