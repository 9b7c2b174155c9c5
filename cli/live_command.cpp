#include "cli/live_command.hpp"

#include "cli/exit_status.hpp"
#include "cli/live_input.hpp"
#include "cli/live_reader.hpp"
#include "cli/signals.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>

namespace cli {

using common::Error;
using common::ErrorCode;
using std::chrono::milliseconds;

namespace {

/// After this long the beginning of the detach keys was no beginning.
constexpr milliseconds key_pause{500};
/// For what was typed, or a last signal, to get there before we go.
constexpr milliseconds last_words{3000};

/// For what is being written to be written.
constexpr milliseconds writing{200};

class LiveRun {
public:
    LiveRun(Context& context, LiveWish wish)
        : context_{context},
          wish_{std::move(wish)},
          shared_{std::make_shared<LiveShared>(context.console)}
    {}
    ~LiveRun() { shared_->terminal.restore(); }
    LiveRun(const LiveRun&) = delete;
    LiveRun& operator=(const LiveRun&) = delete;

    common::Result<int> run();

private:
    [[nodiscard]] client::Session::Options session() const;
    /// Waits for something to happen, and does what it asks for. An exit status ends it.
    std::optional<int> turn();
    void look();
    void start_input(const Json& exec);
    [[nodiscard]] TerminalSize started_with() const;
    void take_signal(int signal);
    std::optional<int> take_stdin();
    void end_stdin();
    [[nodiscard]] bool wants_stdin() const;
    /// Who only looks at one that runs leaves it alone.
    [[nodiscard]] bool is_ours() const { return !wish_.start.is_null() || wish_.with_stdin; }
    [[nodiscard]] std::string way_back() const;
    common::Result<int> ending();
    /// Nobody is left to read what it writes.
    void hang_up();
    [[noreturn]] void leave_by(int signal);

    Context& context_;
    LiveWish wish_;
    const SignalReader signals_{
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}; // Before any thread.
    std::shared_ptr<LiveShared> shared_;
    std::optional<LiveInput> input_; ///< Once it has begun.
    std::string exec_;               ///< Its id, likewise.
    bool stdin_ended_ = false;
    bool interrupted_ = false;
    bool over_ = false;
};

client::Session::Options LiveRun::session() const
{
    return {context_.settings.url, context_.settings.token, context_.session.request_id(), {}};
}

void LiveRun::start_input(const Json& exec)
{
    exec_ = text_of(exec, "id");
    // One that runs already says what it has.
    wish_.with_stdin = wish_.with_stdin && exec.value("stdin", false);
    wish_.with_terminal = wish_.with_terminal && exec.value("pty", false);
    input_.emplace(LiveInput::Options{
        .path = live_path(wish_.sandbox, exec_),
        .session = [options = session()] { return std::make_unique<client::Session>(options); },
        .is_typed = wish_.with_terminal,
        .on_change = [shared = shared_] { shared->wake(); },
        .tell = [shared = shared_](const std::string& words) { shared->tell(words); }});
    if (wish_.with_terminal) {
        if (wish_.with_stdin) {
            shared_->terminal.make_raw();
        }
        const auto size = terminal_size();
        if (size && *size != started_with()) {
            input_->resize(*size);
        }
    }
}

TerminalSize LiveRun::started_with() const
{
    return wish_.start.is_null()
               ? TerminalSize{}
               : TerminalSize{wish_.start.value("rows", 0), wish_.start.value("cols", 0)};
}

/// At what the reading thread has to say.
void LiveRun::look()
{
    eventfd_t count = 0;
    ::eventfd_read(shared_->news.get(), &count);
    const std::scoped_lock lock{shared_->mutex};
    if (shared_->begun && !input_) {
        start_input(*shared_->begun);
        shared_->may_write = true;
        shared_->seen.notify_all();
    }
    over_ = shared_->ended.has_value();
}

std::string LiveRun::way_back() const
{
    // Where nobody takes what is being written, that is shown again rather than lost.
    std::unique_lock lock{shared_->mutex};
    shared_->written.wait_for(lock, writing, [this] { return !shared_->is_writing; });
    return fmt::format("paddock exec{} --attach {} --from {} {}",
                       wish_.with_terminal ? (wish_.with_stdin ? " -it" : " -t")
                       : wish_.with_stdin  ? " -i"
                                           : "",
                       exec_,
                       shared_->position.empty() ? "0" : shared_->position,
                       wish_.as_said);
}

void LiveRun::hang_up()
{
    if (is_ours() && input_) {
        input_->signal("HUP");
        static_cast<void>(input_->flush(last_words));
    }
}

void LiveRun::leave_by(int signal)
{
    shared_->terminal.restore();
    die_by(signal);
}

void LiveRun::take_signal(int signal)
{
    if (signal == SIGWINCH) {
        if (const auto size = terminal_size(); size && input_ && wish_.with_terminal) {
            input_->resize(*size);
        }
        return;
    }
    if (signal == SIGTSTP) {
        const bool was_raw = shared_->terminal.is_raw();
        shared_->terminal.restore();
        std::raise(SIGSTOP);
        if (was_raw) {
            shared_->terminal.make_raw();
        }
        return take_signal(SIGWINCH);
    }
    if (!input_) {
        shared_->tell("it may be started all the same; see: paddock exec --list " + wish_.as_said);
        leave_by(signal);
    }
    if (is_ours() && signal == SIGHUP) {
        hang_up();
        leave_by(signal);
    }
    if (is_ours() && !std::exchange(interrupted_, true)) {
        return input_->signal(signal == SIGINT ? "INT" : signal == SIGTERM ? "TERM" : "QUIT");
    }
    shared_->tell("it goes on in the sandbox; come back: " + way_back());
    leave_by(signal);
}

bool LiveRun::wants_stdin() const
{
    return input_ && wish_.with_stdin && !stdin_ended_ && input_->room() > 0;
}

void LiveRun::end_stdin()
{
    stdin_ended_ = true;
    input_->write(wish_.keys.release());
    input_->close();
}

std::optional<int> LiveRun::take_stdin()
{
    std::array<char, LiveInput::most_waiting> piece{};
    const auto count = ::read(STDIN_FILENO, piece.data(), input_->room());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return std::nullopt;
    }
    if (count <= 0) {
        end_stdin();
        return std::nullopt;
    }
    const std::string_view typed{piece.data(), static_cast<std::size_t>(count)};
    if (!shared_->terminal.is_raw()) {
        input_->write(typed); // Not keys, but bytes.
        return std::nullopt;
    }
    const auto taken = wish_.keys.take(typed);
    input_->write(taken.bytes);
    if (!taken.leaves) {
        return std::nullopt;
    }
    static_cast<void>(input_->flush(last_words));
    shared_->terminal.restore();
    Console::say("\n");
    shared_->tell("left; it goes on in the sandbox. Come back: " + way_back());
    return exit_ok;
}

std::optional<int> LiveRun::turn()
{
    std::array<pollfd, 3> waits{pollfd{shared_->news.get(), POLLIN, 0},
                                pollfd{signals_.fd(), POLLIN, 0},
                                pollfd{wants_stdin() ? STDIN_FILENO : -1, POLLIN, 0}};
    const int patience = wish_.keys.holds() ? static_cast<int>(key_pause.count()) : -1;
    const auto ready = ::poll(waits.data(), waits.size(), patience);
    if (ready == 0) {
        input_->write(wish_.keys.release());
    }
    if (ready <= 0) {
        return std::nullopt;
    }
    look(); // Before a signal: it is for the command as soon as that has said anything.
    if (waits[1].revents != 0) {
        if (const auto signal = signals_.take()) {
            take_signal(*signal);
        }
    }
    return waits[2].revents != 0 ? take_stdin() : std::nullopt;
}

common::Result<int> LiveRun::ending()
{
    shared_->terminal.restore();
    if (shared_->write_failure != 0) {
        hang_up();
        if (shared_->write_failure == EPIPE) {
            die_by(SIGPIPE);
        }
        return Error{ErrorCode::internal,
                     fmt::format("its output could not be written ({}){}",
                                 std::strerror(shared_->write_failure),
                                 is_ours() ? ", and it was sent SIGHUP" : ""),
                     "output_lost"};
    }
    if (!*shared_->ended) {
        auto error = std::move(*shared_->ended).error();
        if (error.reason == "connection_lost") {
            error.details = "it goes on in the sandbox; come back: " + way_back();
        } else if (error.reason == "outcome_unknown") {
            error.details = "see: paddock exec --list " + wish_.as_said;
        }
        return error;
    }
    const auto& exec = **shared_->ended;
    const auto status = static_cast<int>(number_of(exec, "exit_code"));
    if (text_of(exec, "status") != "finished" || status < 0) {
        const bool unknown = text_of(exec, "status") == "outcome_unknown";
        return Error{unknown ? ErrorCode::timeout : ErrorCode::internal,
                     "the command did not end by itself: " + text_of(exec, "error"),
                     "exec_" + text_of(exec, "status")};
    }
    if (exec.value("timed_out", false)) {
        shared_->tell("the command's time was up, and it was killed with all that it had started");
    }
    return status;
}

common::Result<int> LiveRun::run()
{
    std::signal(SIGPIPE, SIG_IGN); // Said by errno: the command is told before we go.
    read_live(shared_, session(), wish_);
    while (!over_) {
        if (const auto status = turn()) {
            return *status;
        }
    }
    return ending();
}

} // namespace

common::Result<int> run_live(Context& context, LiveWish wish)
{
    context.thread_left = true;
    return LiveRun{context, std::move(wish)}.run();
}

} // namespace cli
