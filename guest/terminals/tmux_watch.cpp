#include "guest/terminals/tmux_watch.hpp"

#include "guest/terminals/tmux_records.hpp"
#include "guest/terminals/tmux_words.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <poll.h>
#include <unistd.h>

namespace guest::terminals {

using common::Result;

namespace {

/// How late it is noticed that a program has ended, or a pane has another size: nothing tells.
constexpr std::chrono::milliseconds status_interval{1000};

/// How much longer than for a call tmux is waited for. A busy one may be late, one that has gone
/// closes the stream.
constexpr int more_patient = 2;

constexpr std::string_view status_format = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} "
                                           "#{alternate_on} #{pane_dead} #{pane_dead_status} "
                                           "#{pane_dead_signal} #{version}";

/// The lines of `capture-pane -e`, each where it belongs.
std::string drawn(const std::string& lines, bool alternate, const std::string& cursor)
{
    std::string text = "\x1b[?1049l\x1b[!p\x1b[0m\x1b[H\x1b[2J";
    if (alternate) {
        text += "\x1b[?1049h\x1b[H\x1b[2J";
    }
    int row = 0;
    for (std::size_t from = 0; from < lines.size();) {
        const auto to = std::min(lines.find('\n', from), lines.size());
        if (++row; to > from) {
            text += "\x1b[" + std::to_string(row) + ";1H";
            text.append(lines, from, to - from);
        }
        from = to + 1;
    }
    return text + "\x1b[0m" + cursor;
}

} // namespace

Result<std::unique_ptr<TmuxWatch>> TmuxWatch::start(const common::Clock& clock,
                                                    const TmuxProgram& program,
                                                    const std::string& session,
                                                    const std::string& pane,
                                                    const Limits& limits)
{
    COMMON_TRY(auto child,
               spawn(program.with({"-C", "attach-session", "-t", session}, ""), Stdin::pipe));
    return std::unique_ptr<TmuxWatch>{new TmuxWatch{clock, std::move(child), pane, limits}};
}

TmuxWatch::TmuxWatch(const common::Clock& clock,
                     Child child,
                     std::string pane,
                     const Limits& limits)
    : clock_{clock},
      pane_{std::move(pane)},
      pid_{child.pid},
      in_{std::move(child.in)},
      out_{std::move(child.out)},
      control_{{[this](const TmuxControl::Reply& reply) { take_reply(reply); },
                [this](std::string_view from, const std::string& bytes) {
                    if (shown_ && from == pane_) {
                        queue_.output(bytes);
                    }
                },
                [this] { end("tmux_gone"); }}},
      queue_{limits.watch_bytes},
      reply_due_{clock.steady() + limits.patience * more_patient},
      next_status_{clock.steady() + status_interval},
      patience_{limits.patience * more_patient}
{}

TmuxWatch::~TmuxWatch()
{
    if (!reaped_) {
        ::kill(pid_, SIGKILL); // The server notices.
    }
}

void TmuxWatch::ask_all()
{
    shown_ = false;
    ask(Asked::status);
    ask(Asked::screen);
}

void TmuxWatch::ask(Asked what)
{
    if (expected_.empty()) {
        reply_due_ = clock_.steady() + patience_;
    }
    expected_.push_back(what);
    switch (what) {
    case Asked::status:
        unsent_ += "display-message -p -t " + pane_ + " '" + std::string{status_format} + "'\n";
        break;
    case Asked::screen: unsent_ += "capture-pane -p -e -t " + pane_ + "\n"; break;
    case Asked::reaping: unsent_ += "run-shell -b true\n"; break;
    }
    write();
}

void TmuxWatch::catch_up()
{
    if (queue_.missed() && shown_ && !queue_.has_end()) {
        ask_all();
    }
}

void TmuxWatch::take_reply(const TmuxControl::Reply& reply)
{
    if (!reply.asked) {
        if (!reply.succeeded) {
            end("tmux_gone");
        } else if (!std::exchange(attached_, true)) {
            ask_all();
        }
        return;
    }
    if (expected_.empty()) {
        return end("watch_broken");
    }
    const auto what = expected_.front();
    expected_.pop_front();
    if (!reply.succeeded) {
        return end("killed");
    }
    if (what == Asked::status) {
        take_status(reply.lines);
    } else if (what == Asked::screen && !queue_.has_end()) {
        queue_.screen(drawn(reply.lines, alternate_, cursor_), size_);
        shown_ = true;
    }
}

void TmuxWatch::take_status(const std::string& line)
{
    std::array<std::string, 9> fields;
    std::size_t field = 0;
    for (const char c : line.substr(0, line.find('\n'))) {
        if (c != ' ') {
            fields[field] += c;
        } else if (++field == fields.size()) {
            return end("watch_broken");
        }
    }
    std::array<std::uint16_t, 4> numbers{};
    for (std::size_t at = 0; at < numbers.size(); ++at) {
        const auto& text = fields[at];
        const auto* const stop = text.data() + text.size();
        if (std::from_chars(text.data(), stop, numbers[at]).ptr != stop || text.empty()) {
            return end("killed"); // No such pane: all fields are empty.
        }
    }
    const TerminalSize size{numbers[1], numbers[0]};
    if (shown_ && (size.rows != size_.rows || size.columns != size_.columns)) {
        queue_.size(size);
    }
    size_ = size;
    cursor_ = "\x1b[" + std::to_string(numbers[3] + 1) + ";" + std::to_string(numbers[2] + 1) + "H";
    alternate_ = fields[4] == "1";
    const auto ended = pane_end({fields[5], fields[6], fields[7], fields[8]});
    if (ended && shown_) {
        queue_.end({WatchPiece::Kind::ended, {}, {}, ended});
    } else if (!ended && fields[5] == "1") {
        // tmux can miss that a child ended, until another one does: here is one.
        ask(Asked::reaping);
    }
}

void TmuxWatch::end(std::string reason)
{
    queue_.end({WatchPiece::Kind::ended, {}, {}, {}, std::move(reason)});
}

void TmuxWatch::descriptors(const std::function<void(int fd, short events)>& poll) const
{
    if (out_) {
        poll(out_.get(), POLLIN);
    }
    if (in_ && !unsent_.empty()) {
        poll(in_.get(), POLLOUT);
    }
}

void TmuxWatch::serve()
{
    write();
    std::array<char, 65536> piece{};
    // Faster than a program floods: tmux keeps what is not taken, and replies come behind it.
    for (int turn = 0; out_ && turn < 8; ++turn) {
        const auto count = ::read(out_.get(), piece.data(), piece.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (count <= 0) {
            out_.reset();
            return end("tmux_gone");
        }
        reply_due_ = clock_.steady() + patience_; // It is busy, not silent.
        if (!control_.feed({piece.data(), static_cast<std::size_t>(count)})) {
            out_.reset();
            return end("watch_broken");
        }
    }
}

void TmuxWatch::write()
{
    while (in_ && !unsent_.empty()) {
        const auto count = ::write(in_.get(), unsent_.data(), unsent_.size());
        if (count > 0) {
            unsent_.erase(0, static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            in_.reset();
        }
    }
}

std::optional<common::SteadyTime> TmuxWatch::on_time()
{
    if (queue_.has_end()) {
        return std::nullopt;
    }
    const auto now = clock_.steady();
    const bool waits = !attached_ || !expected_.empty();
    if (waits && now >= reply_due_) {
        end("watch_broken");
        return std::nullopt;
    }
    if (!waits && now >= next_status_) {
        ask(Asked::status);
        next_status_ = now + status_interval;
    }
    return expected_.empty() && attached_ ? next_status_ : reply_due_;
}

void TmuxWatch::reaped()
{
    reaped_ = true;
    serve();
    end("tmux_gone");
}

} // namespace guest::terminals
