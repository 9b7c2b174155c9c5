#include "hostd/guest/live_run.hpp"

#include "proto/wire_reading.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace hostd::guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::uint64_t window = proto::initial_credit;
constexpr std::uint64_t least_grant = window / 4;
/// Of output, for readers to come; and in all, whoever is how slow.
constexpr std::size_t most_kept = std::size_t{512} << 10U;
constexpr std::size_t most_held = 2 * most_kept;
/// That the slowest reader may be behind before the command has to wait.
constexpr std::uint64_t most_unread = window;
constexpr std::size_t most_readers = 16;
constexpr std::size_t most_stdin = window;

/// Of so much credit, bytes of one piece.
std::uint64_t spendable(std::uint64_t credit)
{
    const auto rest = credit - std::min<std::uint64_t>(credit, proto::piece_overhead);
    return std::min<std::uint64_t>(rest, proto::max_chunk);
}

} // namespace

Result<> LiveRun::attached(const proto::GuestStarted& started)
{
    if (started.from < log_.end()) {
        return Error{
            ErrorCode::invalid_argument,
            fmt::format("output from {} again where {} was asked for", started.from, log_.end())};
    }
    if (started.from > log_.end()) {
        log_.restart_at(started.from);
    }
    allowed_ = log_.end() + window;
    // Before the first time nothing of it was sent from here: what the agent has is older.
    const auto skipped = started_ ? started.stdin_at - std::min(started.stdin_at, stdin_at_) : 0;
    started_ = true;
    stdin_.erase(0, std::min<std::uint64_t>(skipped, stdin_.size()));
    stdin_at_ = started.stdin_at;
    stdin_sent_ = 0;
    stdin_credit_ = std::min<std::uint64_t>(started.stdin_room, window);
    stdin_held_ = window - stdin_credit_;
    stdin_eof_sent_ = false;
    return {};
}

Result<> LiveRun::take(const proto::GuestOutput& output)
{
    const auto stdio = proto::stdio_from(output.channel);
    if (!stdio) {
        return Error{ErrorCode::invalid_argument, "output of an unknown stream"};
    }
    if (output.offset != log_.end()) {
        return Error{
            ErrorCode::invalid_argument,
            fmt::format("output at position {} where {} must follow", output.offset, log_.end())};
    }
    if (output.data.size() > allowed_ - std::min(allowed_, log_.end())) {
        return Error{ErrorCode::invalid_argument, "output beyond its credit"};
    }
    log_.append(*stdio, output.data);
    log_.trim(most_kept, slowest());
    log_.trim(most_held, log_.end());
    return {};
}

bool LiveRun::holds_up() const noexcept
{
    if (readers_.empty() && (awaited_ != Awaited::nobody || unread_ == Unread::waits)) {
        return true;
    }
    return log_.end() - slowest() >= most_unread;
}

std::uint32_t LiveRun::take_grant()
{
    if (holds_up()) {
        return 0;
    }
    // What is behind the slowest is kept as far as this leaves room: he may come back for it.
    const auto until = slowest() + window;
    if (until < allowed_ + least_grant) {
        return 0;
    }
    return static_cast<std::uint32_t>(until - std::exchange(allowed_, until));
}

std::uint64_t LiveRun::slowest() const noexcept
{
    auto position = log_.end();
    for (const auto& [number, reader] : readers_) {
        position = std::min(position, reader.position);
    }
    return position;
}

Result<> LiveRun::open(std::uint64_t reader, std::uint64_t from, std::uint32_t credit)
{
    if (readers_.size() >= most_readers && !readers_.contains(reader)) {
        return Error{ErrorCode::rate_limited,
                     fmt::format("{} read this command already", readers_.size())};
    }
    // One that is ahead comes back to an agent that has not said all of it again yet.
    readers_[reader] = {std::max(from, log_.begin()), credit, false, credit > 0};
    return {};
}

void LiveRun::grant(std::uint64_t reader, std::uint32_t bytes)
{
    if (const auto found = readers_.find(reader); found != readers_.end()) {
        found->second.credit = std::min<std::uint64_t>(found->second.credit + bytes, most_held);
        found->second.reads = true;
    }
}

void LiveRun::close(std::uint64_t reader)
{
    const auto found = readers_.find(reader);
    if (found == readers_.end()) {
        return;
    }
    const bool reads = found->second.reads;
    readers_.erase(found);
    if (readers_.empty() && (reads || awaited_ == Awaited::first)) {
        awaited_ = Awaited::nobody;
    }
}

void LiveRun::close_all()
{
    awaited_ = is_read() ? Awaited::again : awaited_;
    readers_.clear();
}

void LiveRun::tell(const common::OperationId& operation, const Tell& tell)
{
    for (auto entry = readers_.begin(); entry != readers_.end();) {
        auto& [number, reader] = *entry;
        if (started_ && !std::exchange(reader.knows_start, true)) {
            tell({{operation, number}, ReaderNews::Kind::started, false, log_.begin(), {}});
        }
        reader.position = std::max(reader.position, log_.begin()); // What is gone is gone.
        while (auto piece = log_.read(reader.position, spendable(reader.credit))) {
            reader.position = piece->position + piece->data.size();
            reader.credit -= piece->data.size() + proto::piece_overhead;
            tell({{operation, number},
                  ReaderNews::Kind::output,
                  piece->stdio == proto::Stdio::err,
                  piece->position,
                  std::move(piece->data)});
        }
        if (ended_ && reader.position >= log_.end()) {
            tell({{operation, number}, ReaderNews::Kind::end, false, log_.end(), {}});
            entry = readers_.erase(entry);
            awaited_ = readers_.empty() ? Awaited::nobody : awaited_;
        } else {
            ++entry;
        }
    }
}

void LiveRun::give_up(const common::OperationId& operation, const Tell& tell)
{
    for (const auto& [number, reader] : readers_) {
        tell({{operation, number}, ReaderNews::Kind::gone, false, log_.end(), {}});
    }
    readers_.clear();
}

void LiveRun::watch(std::uint64_t from)
{
    watched_ = from;
}

std::optional<proto::OutputLog::Piece> LiveRun::next_watched(std::uint64_t credit)
{
    auto piece = watched_ ? log_.read(*watched_, spendable(credit)) : std::nullopt;
    if (piece) {
        watched_ = piece->position + piece->data.size();
    }
    return piece;
}

Result<> LiveRun::write(const StdinPiece& piece)
{
    if (stdin_closed_ || ended_) {
        return Error{ErrorCode::failed_precondition,
                     ended_ ? "the command has ended" : "its stdin is closed",
                     "stdin_closed"};
    }
    if (stdin_.size() - stdin_sent_ + piece.data.size() > most_stdin) {
        return Error{
            ErrorCode::rate_limited,
            fmt::format("{} bytes wait for the command to read them", stdin_.size() - stdin_sent_),
            "stdin_full"};
    }
    stdin_ += piece.data;
    stdin_closed_ = piece.eof;
    return {};
}

std::optional<proto::GuestStdin> LiveRun::next_stdin()
{
    const auto left = stdin_.size() - stdin_sent_;
    const auto size = std::min<std::uint64_t>({left, stdin_credit_, proto::max_chunk});
    const bool end = stdin_closed_ && size == left && !stdin_eof_sent_;
    if (size == 0 && !end) {
        return std::nullopt;
    }
    proto::GuestStdin piece{stdin_at_ + stdin_sent_, stdin_.substr(stdin_sent_, size), end};
    stdin_sent_ += size;
    stdin_credit_ -= size;
    stdin_eof_sent_ = end;
    return piece;
}

void LiveRun::grant_stdin(std::uint32_t bytes)
{
    stdin_credit_ = std::min<std::uint64_t>(stdin_credit_ + bytes, window);
    const auto held = std::min<std::uint64_t>(stdin_held_, bytes);
    stdin_held_ -= held;
    const auto taken = std::min<std::uint64_t>(bytes - held, stdin_sent_);
    stdin_.erase(0, taken);
    stdin_at_ += taken;
    stdin_sent_ -= taken;
}

} // namespace hostd::guest
