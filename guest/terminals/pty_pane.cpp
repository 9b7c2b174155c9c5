#include "guest/terminals/pty_pane.hpp"

#include "guest/terminals/checks.hpp"
#include "guest/terminals/keys.hpp"
#include "vt/characters.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <poll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace guest::terminals {

using common::Error;
using common::ErrorCode;
using common::Result;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t read_at_most = std::size_t{16} << 10U; ///< In one turn.
/// After the program ended: for what it wrote last. Others that hold its terminal are not waited
/// for.
constexpr milliseconds end_patience{100};
/// Until it is seen whether a program has opened its terminal again, which it had closed.
constexpr milliseconds reopen_interval{200};

} // namespace

Result<PtyPane> PtyPane::start(const PaneProgram& program,
                               const User& user,
                               const std::string& group,
                               TerminalSize size,
                               const Limits& limits)
{
    Program started{argv_of(program, user), user, program.cwd, program.env, group, size};
    COMMON_TRY(auto child, spawn(started, Stdin::none));
    return PtyPane{std::move(child), size, limits};
}

PtyPane::PtyPane(Child child, TerminalSize size, const Limits& limits)
    : limits_{limits},
      pid_{child.pid},
      terminal_{std::move(child.out)},
      screen_{size, {limits.scrollback_lines, limits.scrollback_bytes}}
{}

Endings::Leader PtyPane::leader() const
{
    return {pid_, end_ ? Endings::Tie::reaped : Endings::Tie::child, 0};
}

std::string PtyPane::path() const
{
    if (end_) {
        return "";
    }
    const pid_t job = terminal_ ? ::tcgetpgrp(terminal_.get()) : -1;
    std::array<char, PATH_MAX> target{};
    for (const pid_t pid : {job, pid_}) {
        const auto link = "/proc/" + std::to_string(pid) + "/cwd";
        const auto size = pid > 0 ? ::readlink(link.c_str(), target.data(), target.size()) : -1;
        if (size > 0) {
            return vt::as_utf8({target.data(), static_cast<std::size_t>(size)});
        }
    }
    return "";
}

Result<> PtyPane::type(const std::vector<Key>& keys)
{
    std::string bytes;
    for (const auto& key : keys) {
        if (const auto* named = std::get_if<NamedKey>(&key); named != nullptr) {
            bytes += bytes_of(named->name, screen_.cursor_keys()).value_or("");
        } else {
            bytes += std::get<TypedText>(key).text;
        }
    }
    if (typed_.size() + bytes.size() > limits_.waiting_keys) {
        return Error{ErrorCode::rate_limited, "the program reads no keys", "busy"};
    }
    typed_ += bytes;
    write();
    return {};
}

void PtyPane::resize(TerminalSize size)
{
    if (terminal_) {
        guest::resize(terminal_, size); // The kernel tells the program.
    }
    screen_.resize(size);
    for (auto& [id, watcher] : watchers_) {
        watcher.size(size);
    }
}

void PtyPane::descriptors(const std::function<void(int fd, short events)>& poll) const
{
    if (!terminal_ || silent_until_) {
        return;
    }
    const int reads = unshown_.empty() ? POLLIN : 0;
    const int events = reads | (typed_.empty() ? 0 : POLLOUT);
    if (events != 0) {
        poll(terminal_.get(), static_cast<short>(events));
    }
}

void PtyPane::serve(common::SteadyTime now)
{
    if (unshown_.empty() && terminal_ && !silent_until_ && !read(now)) {
        if (end_) {
            terminal_.reset();
        } else {
            silent_until_ = now + reopen_interval;
        }
    }
    show();
    write();
}

/// False: the other end is closed.
bool PtyPane::read(common::SteadyTime now)
{
    unshown_.resize(read_at_most);
    const auto count = ::read(terminal_.get(), unshown_.data(), unshown_.size());
    const bool closed = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    unshown_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count > 0 && end_) {
        last_read_ = now;
    }
    return !closed;
}

void PtyPane::show()
{
    if (unshown_.empty()) {
        return;
    }
    const auto taken = screen_.feed(unshown_);
    for (auto& [id, watcher] : watchers_) {
        watcher.output(std::string_view{unshown_}.substr(0, taken));
    }
    unshown_.erase(0, taken);
    const auto replies = screen_.take_replies();
    if (!end_ && typed_.size() + replies.size() <= limits_.waiting_keys) {
        typed_ += replies;
    }
}

void PtyPane::write()
{
    while (terminal_ && !silent_until_ && !typed_.empty()) {
        const auto count = ::write(terminal_.get(), typed_.data(), typed_.size());
        if (count > 0) {
            typed_.erase(0, static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            return;
        }
    }
}

std::optional<common::SteadyTime> PtyPane::on_time(common::SteadyTime now)
{
    if (silent_until_ && now >= *silent_until_) {
        silent_until_.reset();
        serve(now);
    }
    if (!unshown_.empty()) {
        return now; // It took its share of this turn.
    }
    if (end_ && terminal_ && now >= *last_read_ + end_patience) {
        terminal_.reset();
    }
    if (end_ && !terminal_) {
        end_watches({WatchPiece::Kind::ended, {}, {}, end_});
        return std::nullopt;
    }
    return end_ ? std::optional{*last_read_ + end_patience} : silent_until_;
}

void PtyPane::reaped(int wait_status, common::SteadyTime now)
{
    const int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    end_ = PaneEnd{signal != 0 ? 128 + signal : WEXITSTATUS(wait_status), signal};
    last_read_ = now;
    silent_until_.reset();
    typed_.clear();
    serve(now);
}

void PtyPane::watch(WatchId watch)
{
    auto& watcher = watchers_.emplace(watch, WatchQueue{limits_.watch_bytes}).first->second;
    watcher.screen(screen_.redraw(), screen_.size());
}

WatchQueue* PtyPane::watched(WatchId watch)
{
    const auto found = watchers_.find(watch);
    if (found == watchers_.end()) {
        return nullptr;
    }
    if (found->second.missed()) {
        found->second.screen(screen_.redraw(), screen_.size());
    }
    return &found->second;
}

void PtyPane::end_watches(const WatchPiece& ended)
{
    for (auto& [id, watcher] : watchers_) {
        watcher.end(ended);
    }
}

} // namespace guest::terminals
