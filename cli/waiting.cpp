#include "cli/waiting.hpp"

#include "cli/signals.hpp"
#include "cli/text.hpp"
#include "common/unique_fd.hpp"

#include <array>
#include <chrono>
#include <fmt/format.h>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>

namespace cli {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds beat{200};
constexpr milliseconds patience{400}; // What takes no longer needs no progress.

/// What both threads hold: the caller may go first.
struct Shared {
    common::UniqueFd done{::eventfd(0, EFD_CLOEXEC)};
    std::mutex mutex;
    std::optional<common::Result<std::string>> result;
};

/// The line that says how long it has taken.
class WaitShown {
public:
    WaitShown(const Console& console, const Waiting& waiting) : console_{console}, waiting_{waiting}
    {}
    ~WaitShown() { clear(); }
    WaitShown(const WaitShown&) = delete;
    WaitShown& operator=(const WaitShown&) = delete;

    void show(Clock::duration took)
    {
        if (!console_.err_is_tty || took < patience) {
            return;
        }
        const auto phase = waiting_.phase ? waiting_.phase() : "";
        const auto text =
            fmt::format("{} … {}{}{} s",
                        waiting_.what,
                        phase,
                        phase.empty() ? "" : ", ",
                        std::chrono::duration_cast<std::chrono::seconds>(took).count());
        const auto width = console_.err.width > 1 ? console_.err.width - 1 : text.size();
        Console::say("\r\033[K" + toned(cut(printable(text), width), Tone::dim, console_.err));
        shown_ = true;
    }
    void clear()
    {
        if (shown_) {
            Console::say("\r\033[K");
            shown_ = false;
        }
    }

private:
    const Console& console_;
    const Waiting& waiting_;
    bool shown_ = false;
};

/// Ctrl-C ends the process while this lives, whatever the caller's thread waits in: what it shows
/// is asked of a coordinator, which may not even take the connection.
class Interrupts {
public:
    Interrupts(const Console& console, const Waiting& waiting)
        : console_{console}, waiting_{waiting}, thread_{[this] { watch(); }}
    {}
    ~Interrupts()
    {
        ::eventfd_write(over_.get(), 1);
        thread_.join();
    }
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

private:
    void watch()
    {
        std::array<pollfd, 2> waits{pollfd{over_.get(), POLLIN, 0},
                                    pollfd{signals_.fd(), POLLIN, 0}};
        while (::poll(waits.data(), waits.size(), -1) >= 0 && waits[0].revents == 0) {
            if (signals_.take()) {
                leave();
            }
        }
    }
    [[noreturn]] void leave()
    {
        Console::say(console_.err_is_tty ? "\r\033[K" : "");
        if (!waiting_.if_interrupted.empty()) {
            Console::say("\npaddock: " + waiting_.if_interrupted + "\n");
        }
        die_by(SIGINT);
    }

    const Console& console_;
    const Waiting& waiting_;
    const SignalReader signals_{SIGINT}; // Before any thread, which so inherits that it hears none.
    const common::UniqueFd over_{::eventfd(0, EFD_CLOEXEC)};
    std::thread thread_;
};

} // namespace

std::optional<common::Result<std::string>>
wait_for(const Console& console,
         const Waiting& waiting,
         std::function<common::Result<std::string>()> call)
{
    const Interrupts interrupts{console, waiting}; // Before the call's thread.
    WaitShown progress{console, waiting};
    auto shared = std::make_shared<Shared>();
    std::thread worker{[shared, call = std::move(call)] {
        auto result = [&call]() -> common::Result<std::string> {
            try {
                return call();
            } catch (const std::exception& bug) {
                return common::Error{common::ErrorCode::internal, bug.what()};
            }
        }();
        const std::lock_guard lock{shared->mutex};
        shared->result = std::move(result);
        ::eventfd_write(shared->done.get(), 1);
    }};
    const auto began = Clock::now();
    while (true) {
        pollfd done{shared->done.get(), POLLIN, 0};
        if (::poll(&done, 1, static_cast<int>(beat.count())) > 0) {
            worker.join();
            return std::move(shared->result);
        }
        if (waiting.enough && waiting.enough()) {
            worker.detach();
            return std::nullopt;
        }
        progress.show(Clock::now() - began);
    }
}

} // namespace cli
