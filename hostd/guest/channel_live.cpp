// Those who read the output of live execs and write their stdin.
#include "hostd/guest/channel.hpp"

#include <algorithm>

namespace hostd::guest {

using common::Error;
using common::ErrorCode;

namespace {

Error no_such_exec()
{
    return {ErrorCode::not_found, "the command does not run any more", "no_such_exec"};
}

} // namespace

void Channel::forget_unawaited()
{
    // The agent keeps what it knows: a repeat of the operation asks it again.
    for (auto run = runs_.begin(); run != runs_.end();) {
        if (run->second.exec.waiting() > 0 || run->second.exec.live() != nullptr) {
            ++run;
        } else {
            streams_.erase(run->second.stream);
            run = runs_.erase(run);
        }
    }
}

std::size_t Channel::running() const
{
    return static_cast<std::size_t>(
        std::ranges::count_if(runs_, [](const auto& entry) { return !entry.second.outcome; }));
}

common::Result<> Channel::take_started(const proto::GuestStarted& started, Run& run)
{
    run.started = true;
    if (auto* live = run.exec.live(); live != nullptr) {
        COMMON_CHECK(live->attached(started));
        tell_readers(run);
        send_stdin(run);
    }
    return {};
}

void Channel::tell_gone(const ExecReader& reader) const
{
    readers_({reader, ReaderNews::Kind::gone, false, 0, {}});
}

void Channel::tell_readers(Run& run)
{
    if (auto* live = run.exec.live(); live != nullptr) {
        live->tell(run.exec.spec().operation, readers_);
    }
}

/// A reader that was far behind may be the last that the command waited for.
void Channel::open_window(Run& run)
{
    auto& live = *run.exec.live();
    if (!run.started || run.outcome || !ready()) {
        return;
    }
    if (const auto grant = live.take_grant(); grant > 0) {
        send(run.stream, proto::GuestCredit{"output", grant});
        on_writable();
    }
}

void Channel::open_reader(const ExecReader& reader, std::uint64_t from, std::uint32_t credit)
{
    const auto found = runs_.find(reader.operation);
    auto* const live = found == runs_.end() ? nullptr : found->second.exec.live();
    if (live == nullptr || !live->open(reader.number, from, credit)) {
        return tell_gone(reader);
    }
    tell_readers(found->second);
}

void Channel::grant_reader(const ExecReader& reader, std::uint32_t bytes)
{
    const auto found = runs_.find(reader.operation);
    if (found == runs_.end() || found->second.exec.live() == nullptr) {
        return; // It has been told.
    }
    found->second.exec.live()->grant(reader.number, bytes);
    tell_readers(found->second);
    open_window(found->second);
}

void Channel::close_reader(const ExecReader& reader)
{
    const auto found = runs_.find(reader.operation);
    if (found != runs_.end() && found->second.exec.live() != nullptr) {
        found->second.exec.live()->close(reader.number);
        open_window(found->second);
    }
}

void Channel::close_readers()
{
    for (auto& [operation, run] : runs_) {
        if (auto* live = run.exec.live(); live != nullptr) {
            live->close_all();
            open_window(run);
        }
    }
}

void Channel::input(const common::OperationId& operation, ExecInput input, Guests::Taken done)
{
    const auto found = runs_.find(operation);
    if (found == runs_.end() || found->second.outcome || found->second.exec.live() == nullptr) {
        return done(no_such_exec());
    }
    auto& run = found->second;
    if (const auto* piece = std::get_if<StdinPiece>(&input); piece != nullptr) {
        if (!run.exec.spec().has_stdin && !run.exec.spec().terminal) {
            return done(Error{ErrorCode::failed_precondition,
                              "the command was started without stdin",
                              "stdin_closed"});
        }
        if (auto written = run.exec.live()->write(*piece); !written) {
            return done(std::move(written));
        }
        if (ready()) {
            send_stdin(run); // Else once the channel is back.
        }
    } else if (!ready() || !run.started) {
        return done(
            Error{ErrorCode::unavailable, "the guest's agent is not connected", "agent_not_ready"});
    } else if (out_.size() >= limits_.write_bytes) {
        return done(Error{
            ErrorCode::rate_limited, "the guest does not take what it is sent", "guest_busy"});
    } else if (const auto* signal = std::get_if<ExecSignal>(&input); signal != nullptr) {
        send(run.stream, proto::GuestSignal{signal->number});
    } else {
        const auto size = std::get<TerminalSize>(input);
        if (!run.exec.spec().terminal) {
            return done(Error{
                ErrorCode::failed_precondition, "the command has no terminal", "no_terminal"});
        }
        send(run.stream, proto::GuestResize{size.rows, size.columns});
    }
    if (ready()) {
        on_writable();
    }
    done({});
}

/// Those that ended long ago, and the oldest of too many. Who began one has some seconds to read
/// it.
void Channel::forget_ended(common::SteadyTime now)
{
    std::size_t kept = 0;
    std::size_t all = 0;
    auto oldest = runs_.end();
    auto unread = runs_.end(); ///< The oldest that nobody reads or is about to.
    for (auto run = runs_.begin(); run != runs_.end();) {
        const auto current = run++;
        if (!current->second.outcome) {
            continue;
        }
        const auto age = now - current->second.ended_at;
        const bool is_read = current->second.exec.live()->is_read();
        if (age >= limits_.ended_live_for && !is_read) {
            runs_.erase(current);
            continue;
        }
        ++all;
        const auto older = [&current](const Runs::iterator& other, const Runs::iterator& none) {
            return other == none || current->second.ended_at < other->second.ended_at;
        };
        oldest = older(oldest, runs_.end()) ? current : oldest;
        if (!is_read && age >= limits_.ended_live_grace) {
            ++kept;
            unread = older(unread, runs_.end()) ? current : unread;
        }
    }
    const auto gone = kept > limits_.ended_live ? unread
                      : all > limits_.execs     ? oldest
                                                : runs_.end();
    if (gone != runs_.end()) {
        gone->second.exec.live()->give_up(gone->first, readers_);
        runs_.erase(gone);
    }
}

} // namespace hostd::guest
