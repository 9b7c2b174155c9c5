// Those who read the output of live execs and write their stdin.
#include "hostd/guest/channel.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

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
        watch_new(run);
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
        tell_watched_of(run);
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
    found->second.unwanted_at.reset();
    tell_readers(found->second);
    open_window(found->second); // It may have waited for somebody.
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
        let_end(found->second, clock_.steady());
    }
}

void Channel::close_readers()
{
    for (auto& [operation, run] : runs_) {
        if (auto* live = run.exec.live(); live != nullptr) {
            live->close_all();
            run.expected_until = clock_.steady() + limits_.reader_patience;
            let_end(run, run.expected_until);
        }
    }
}

/// A call is for who reads it: nobody else would ever ask how it went.
void Channel::let_end(Run& run, common::SteadyTime at)
{
    if (!run.exec.spec().call.empty() && !run.outcome && !run.exec.live()->is_read()) {
        run.unwanted_at = at;
        on_live_time(clock_.steady(), run);
    }
}

/// A command that ran before may have nobody who reads it: it must not stand still for long.
std::chrono::milliseconds Channel::patience_with_readers(const ExecSpec& spec) const
{
    return spec.resumed && spec.call.empty() ? limits_.resumed_patience : limits_.reader_patience;
}

/// What is due of a live one; when it wants to be looked at again.
common::SteadyTime Channel::on_live_time(common::SteadyTime now, Run& run)
{
    auto next = common::SteadyTime::max();
    auto* const live = run.exec.live();
    if (live != nullptr && live->is_expecting() && now >= run.expected_until) {
        live->expect_none();
        open_window(run);
    }
    if (run.unwanted_at && now >= *run.unwanted_at && ready() && run.started && !run.outcome) {
        // Again, until it has: a signal can be lost with its channel.
        run.unwanted_at = now + limits_.retry_max;
        next = *run.unwanted_at;
        send(run.stream, proto::GuestSignal{SIGTERM});
        live->let_go();
        live->expect_none();
        open_window(run);
    } else if (run.unwanted_at && !run.outcome) {
        next = std::max(*run.unwanted_at, now + limits_.retry_max);
    }
    if (run.input && now >= run.input->until) {
        const auto done = std::move(std::exchange(run.input, std::nullopt)->done);
        done(Error{ErrorCode::rate_limited, "the command does not read its stdin", "stdin_full"});
    }
    if (live != nullptr && live->is_expecting()) {
        next = std::min(next, run.expected_until);
    }
    if (live != nullptr && live->owes_watched_end()) {
        end_watched(run, now);
        next = std::min(next, run.ended_at + limits_.watch_patience);
    }
    return run.input ? std::min(next, run.input->until) : next;
}

/// Stdin that waited for room, if there is some now, or never will be.
void Channel::serve_input(Run& run)
{
    if (!run.input) {
        return;
    }
    auto written = run.exec.live()->write(run.input->piece);
    if (!written && written.error().stable_reason() == "stdin_full") {
        return;
    }
    const auto done = std::move(std::exchange(run.input, std::nullopt)->done);
    const bool taken = written.has_value();
    done(std::move(written));
    if (taken && ready()) {
        send_stdin(run);
    }
}

void Channel::give_up_live(const common::OperationId& operation, Run& run)
{
    if (auto* live = run.exec.live(); live != nullptr) {
        live->give_up(operation, readers_);
        end_watched(run, common::SteadyTime::max());
    }
    if (auto input = std::exchange(run.input, std::nullopt)) {
        input->done(no_such_exec());
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
        auto written =
            run.input ? common::Result<>{Error{
                            ErrorCode::rate_limited, "other stdin waits already", "stdin_full"}}
                      : run.exec.live()->write(*piece);
        if (!written && !run.input && written.error().stable_reason() == "stdin_full") {
            run.input.emplace(
                WaitingInput{*piece, std::move(done), clock_.steady() + limits_.stdin_patience});
            return;
        }
        if (!written) {
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
        const bool is_read = current->second.exec.live()->is_wanted();
        const bool is_call = !current->second.exec.spec().call.empty();
        const auto kept_for = !is_call                       ? limits_.ended_live_for
                              : current->second.acknowledged ? std::chrono::milliseconds{0}
                                                             : limits_.ended_live_grace;
        if (age >= kept_for && !is_read) {
            runs_.erase(current);
            continue;
        }
        ++all;
        const auto older = [&current](const Runs::iterator& other, const Runs::iterator& none) {
            return other == none || current->second.ended_at < other->second.ended_at;
        };
        const bool other_is_read = oldest != runs_.end() && oldest->second.exec.live()->is_wanted();
        if (is_read == other_is_read ? older(oldest, runs_.end()) : other_is_read || all == 1) {
            oldest = current; // One that is read only if all are.
        }
        if (!is_read && age >= limits_.ended_live_grace) {
            ++kept;
            unread = older(unread, runs_.end()) ? current : unread;
        }
    }
    const auto gone = kept > limits_.ended_live ? unread
                      : all > limits_.execs     ? oldest
                                                : runs_.end();
    if (gone != runs_.end()) {
        give_up_live(gone->first, gone->second);
        runs_.erase(gone);
    }
}

} // namespace hostd::guest
