#include "cli/waiting.hpp"

#include "cli/text.hpp"
#include "common/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <system_error>
#include <thread>

namespace cli {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds beat{200};
constexpr milliseconds patience{400}; // What takes no longer needs no progress.

/// Ctrl-C comes as something to read while this lives.
class Interrupts {
public:
    Interrupts()
    {
        ::sigemptyset(&set_);
        struct sigaction now {};
        ::sigaction(SIGINT, nullptr, &now);
        if (now.sa_handler != SIG_IGN) { // Else whoever started it in the background wants it so.
            ::sigaddset(&set_, SIGINT);
        }
        ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
        fd_.reset(::signalfd(-1, &set_, SFD_CLOEXEC));
        if (!fd_) {
            throw std::system_error{errno, std::generic_category(), "signalfd"};
        }
    }
    ~Interrupts() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// As if it had never been caught: a shell that runs a script sees that and ends it too.
    [[noreturn]] static void die()
    {
        std::signal(SIGINT, SIG_DFL);
        std::raise(SIGINT);
        sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGINT);
        ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
        std::_Exit(128 + SIGINT);
    }

private:
    sigset_t set_{};
    sigset_t before_{};
    common::UniqueFd fd_;
};

/// What both threads hold: the caller may go first.
struct Shared {
    common::UniqueFd done{::eventfd(0, EFD_CLOEXEC)};
    std::mutex mutex;
    std::optional<common::Result<std::string>> result;
};

/// The line that says how long it has taken.
class Progress {
public:
    Progress(const Console& console, const Waiting& waiting) : console_{console}, waiting_{waiting}
    {}
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

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

[[noreturn]] void leave(const Waiting& waiting, Progress& progress)
{
    progress.clear();
    if (!waiting.if_interrupted.empty()) {
        Console::say("\npaddock: " + waiting.if_interrupted + "\n");
    }
    Interrupts::die();
}

} // namespace

std::optional<common::Result<std::string>>
wait_for(const Console& console,
         const Waiting& waiting,
         std::function<common::Result<std::string>()> call)
{
    const Interrupts interrupts; // Before the thread, which so inherits that it hears none.
    Progress progress{console, waiting};
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
    std::array<pollfd, 2> waits{pollfd{shared->done.get(), POLLIN, 0},
                                pollfd{interrupts.fd(), POLLIN, 0}};
    while (true) {
        const auto ready = ::poll(waits.data(), waits.size(), static_cast<int>(beat.count()));
        if (ready > 0 && waits[1].revents != 0) {
            leave(waiting, progress);
        }
        if (ready > 0 && waits[0].revents != 0) {
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
