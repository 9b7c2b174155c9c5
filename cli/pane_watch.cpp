#include "cli/pane_watch.hpp"

#include "cli/exit_status.hpp"
#include "cli/pane_view.hpp"
#include "cli/signals.hpp"
#include "cli/stream_events.hpp"
#include "cli/text.hpp"
#include "client/event_follower.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <fmt/format.h>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

namespace cli {

using common::Error;
using common::ErrorCode;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

namespace {

constexpr milliseconds frame{40}; ///< Between two drawings.

/// A screen of its own, on which lines do not wrap; and back to what there was.
constexpr std::string_view enter = "\x1b[?1049h\x1b[?7l";
constexpr std::string_view leave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

/// What the thread that reads the stream and the one that draws share. The latter never waits for
/// long: what a guest's program writes may take any time to be worked through.
struct Watched {
    const common::UniqueFd news{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::atomic<bool> over{false};
    std::atomic<bool> drawing{false}; ///< Somebody wants to: the reader steps aside.
    std::mutex mutex;
    // Under mutex:
    PaneView view;
    std::string trouble = "connecting";      ///< To be seen by who looks on.
    std::optional<common::Result<>> outcome; ///< Once it is over.
};

using Shared = std::shared_ptr<Watched>;

client::Session::Options session_of(const Context& context)
{
    return {context.settings.url, context.settings.token, context.session.request_id(), {}};
}

void change(const Shared& shared, const std::function<void(Watched&)>& how)
{
    while (shared->drawing) {
        std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
    {
        const std::scoped_lock lock{shared->mutex};
        how(*shared);
    }
    ::eventfd_write(shared->news.get(), 1);
}

/// False: that was the last event.
bool show(const Shared& shared, const client::ServerEvent& event)
{
    auto piece = PaneView::piece_of(event);
    bool unfed = true;
    bool ended = false;
    change(shared, [&](Watched& now) {
        now.view.take(std::move(piece));
        now.trouble.clear();
    });
    while (unfed) {
        change(shared, [&](Watched& now) {
            unfed = now.view.feed_some();
            ended = now.view.ended().has_value();
        });
    }
    return !ended;
}

void read_stream(const Shared& shared,
                 const client::Session::Options& session,
                 const std::string& path)
{
    client::EventFollower follower{
        {.session = session,
         .lost =
             [&](const std::string& why) {
                 change(shared,
                        [&](Watched& now) { now.trouble = "lost (" + why + "): coming back"; });
             },
         .back = [&] { change(shared, [](Watched& now) { now.trouble.clear(); }); }}};
    auto done = follower.follow(
        {"GET", path, std::nullopt},
        [&] { return path; },
        [&](const client::ServerEvent& event) { return show(shared, event); });
    change(shared, [&](Watched& now) { now.outcome = std::move(done); });
}

/// False: nobody takes it.
bool write_out(std::string_view text)
{
    while (!text.empty()) {
        const auto count = ::write(STDOUT_FILENO, text.data(), text.size());
        if (count > 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (count < 0 && errno == EAGAIN) {
            pollfd wait{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&wait, 1, -1);
        } else if (count < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

/// By its last event. A watch that was broken off is no end of the pane, and is not asked for
/// again: that would wake a sandbox that somebody has just put to sleep.
common::Result<std::string> how_it_ended(const Json& end, const std::string& name)
{
    const auto reason = text_of(end, "reason");
    if (reason == "watch_broken") {
        return Error{ErrorCode::unavailable,
                     name +
                         " cannot be looked at any more: its sandbox sleeps or has stopped, or its "
                         "agent is in trouble",
                     reason};
    }
    return name + ": its program ended" +
           (end.contains("signal")      ? " by signal " + text_of(end, "signal")
            : end.contains("exit_code") ? " with exit code " + text_of(end, "exit_code")
            : !reason.empty()           ? " (" + reason + ")"
                                        : std::string{});
}

class Looking {
public:
    Looking(Context& context, const WatchWish& wish) : context_{context}, wish_{wish} {}
    ~Looking() { go_back(); }
    Looking(const Looking&) = delete;
    Looking& operator=(const Looking&) = delete;

    common::Result<int> run();

private:
    /// Waits for something to happen, for a drawing's time at most where one is due.
    void turn();
    void draw();
    void take_keys();
    void take_signal(int signal);
    void go_back();
    [[nodiscard]] std::string status(const TerminalSize& size, const std::string& trouble) const;
    common::Result<int> ending();

    Context& context_;
    const WatchWish wish_;
    const SignalReader signals_{
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}; // Before any thread.
    const Shared shared_ = std::make_shared<Watched>();
    Terminal keys_{STDIN_FILENO};
    const bool has_keys_ = ::isatty(STDIN_FILENO) == 1;
    bool on_screen_ = false;
    bool due_ = true; ///< There is something to draw.
    Steady::time_point drawn_at_{};
    bool left_ = false;
};

std::string Looking::status(const TerminalSize& size, const std::string& trouble) const
{
    const auto words = trouble.empty() ? fmt::format(" {} · read only, q leaves ", wish_.name)
                                       : " " + trouble + " ";
    auto text = cut(printable(words), static_cast<std::size_t>(size.columns));
    return trouble.empty() ? "\x1b[7m" + text + "\x1b[0m" : "\x1b[7;33m" + text + "\x1b[0m";
}

void Looking::draw()
{
    const auto size = terminal_size().value_or(TerminalSize{24, 80});
    std::string text;
    {
        shared_->drawing = true;
        const std::scoped_lock lock{shared_->mutex};
        shared_->drawing = false;
        text = shared_->view.draw(size, status(size, shared_->trouble));
    }
    due_ = false;
    drawn_at_ = Steady::now();
    left_ = left_ || !write_out(text);
}

void Looking::take_keys()
{
    std::array<char, 64> keys{};
    const auto count = ::read(STDIN_FILENO, keys.data(), keys.size());
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        left_ = true; // Its terminal is gone.
    }
    for (ssize_t i = 0; i < count; ++i) {
        constexpr char ctrl_c = 3;
        const char key = keys.at(static_cast<std::size_t>(i));
        left_ = left_ || key == 'q' || key == ctrl_c;
    }
}

void Looking::take_signal(int signal)
{
    if (signal == SIGWINCH) {
        due_ = true;
    } else if (signal == SIGTSTP) {
        go_back();
        std::raise(SIGSTOP);
        keys_.make_raw();
        on_screen_ = write_out(enter);
        shared_->drawing = true;
        const std::scoped_lock lock{shared_->mutex};
        shared_->drawing = false;
        shared_->view.forget();
        due_ = true;
    } else {
        go_back();
        die_by(signal);
    }
}

void Looking::go_back()
{
    if (std::exchange(on_screen_, false)) {
        static_cast<void>(write_out(leave));
    }
    keys_.restore();
}

void Looking::turn()
{
    std::array<pollfd, 3> waits{pollfd{shared_->news.get(), POLLIN, 0},
                                pollfd{signals_.fd(), POLLIN, 0},
                                pollfd{has_keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
    const auto left = std::chrono::ceil<milliseconds>(drawn_at_ + frame - Steady::now());
    const auto patience = due_ ? static_cast<int>(std::max(left, milliseconds{0}).count()) : -1;
    const auto ready = ::poll(waits.data(), waits.size(), patience);
    if (ready > 0) {
        eventfd_t count = 0;
        due_ = ::eventfd_read(shared_->news.get(), &count) == 0 || due_;
        if (const auto signal = signals_.take()) {
            take_signal(*signal);
        }
        if (waits[2].revents != 0) {
            take_keys();
        }
    }
    if (due_ && !left_ && Steady::now() >= drawn_at_ + frame) {
        draw();
    }
}

common::Result<int> Looking::ending()
{
    go_back();
    if (left_) {
        return exit_ok; // Who reads may be busy.
    }
    const std::scoped_lock lock{shared_->mutex};
    if (shared_->outcome && !*shared_->outcome) {
        return std::move(*shared_->outcome).error();
    }
    if (!shared_->view.ended()) {
        return exit_ok;
    }
    COMMON_TRY(const auto how, how_it_ended(*shared_->view.ended(), wish_.name));
    Console::say(printable("paddock: " + how) + "\n");
    return exit_ok;
}

common::Result<int> Looking::run()
{
    std::signal(SIGPIPE, SIG_IGN);
    std::thread{[shared = shared_, session = session_of(context_), path = wish_.path] {
        try {
            read_stream(shared, session, path);
        } catch (const std::exception& bug) {
            change(shared, [&](Watched& now) {
                now.outcome = Error{ErrorCode::internal, bug.what()};
            });
        }
        shared->over = true;
        ::eventfd_write(shared->news.get(), 1);
    }}.detach();
    keys_.make_raw();
    on_screen_ = write_out(enter);
    while (!left_ && !shared_->over) {
        turn();
    }
    return ending();
}

common::Result<int> print_events(Context& context, const WatchWish& wish)
{
    client::EventFollower follower{{.session = session_of(context)}};
    Json end;
    COMMON_CHECK(follower.follow(
        {"GET", wish.path, std::nullopt},
        [&] { return wish.path; },
        [&](const client::ServerEvent& event) {
            if (event.name != "keepalive") {
                Console::print(line_of(event));
                std::fflush(stdout); // Each is news.
            }
            auto piece = PaneView::piece_of(event);
            const bool is_last = piece.what == PaneView::Piece::What::ended;
            end = is_last ? std::move(piece.end) : Json{};
            return !is_last && all_written();
        }));
    COMMON_CHECK(how_it_ended(end, wish.name));
    return exit_ok;
}

} // namespace

common::Result<int> watch_pane(Context& context, const WatchWish& wish)
{
    if (context.json()) {
        return print_events(context, wish);
    }
    if (::isatty(STDOUT_FILENO) != 1) {
        return Error{ErrorCode::invalid_argument,
                     "watch: stdout is no terminal; --output json gives what happens, a line each",
                     "usage"};
    }
    context.thread_left = true;
    return Looking{context, wish}.run();
}

} // namespace cli
