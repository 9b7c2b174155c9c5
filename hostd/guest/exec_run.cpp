#include "hostd/guest/exec_run.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace hostd::guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

// Grants are worth a frame of their own only in pieces of some size.
constexpr std::uint64_t grant_step = proto::initial_credit / 4;

std::uint32_t clamp_u32(std::uint64_t value)
{
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

} // namespace

proto::GuestExec ExecRun::request() const
{
    proto::GuestExec exec;
    exec.operation_id = spec_.operation.str();
    exec.argv = spec_.argv;
    exec.shell = spec_.shell;
    exec.user = spec_.user;
    exec.cwd = spec_.cwd;
    exec.env = spec_.env;
    exec.has_stdin = !spec_.stdin_bytes.empty() || (live_ && spec_.has_stdin);
    exec.timeout_ms = clamp_u32(static_cast<std::uint64_t>(spec_.timeout.count()));
    exec.output_limit_bytes = clamp_u32(spec_.output_limit.count());
    // Sent before: an agent that does not know it any more may have run it, and must not again.
    exec.resumed = spec_.resumed || first_sent_.has_value();
    if (live_) {
        exec.live = true;
        exec.from = live_->end();
        exec.call = spec_.call;
        exec.request = spec_.request;
    }
    if (spec_.terminal) {
        exec.terminal = true;
        exec.rows = spec_.terminal->rows;
        exec.columns = spec_.terminal->columns;
    }
    return exec;
}

proto::GuestExec ExecRun::begin(common::SteadyTime now, common::WallTime wall)
{
    auto exec = request();
    if (!first_sent_) {
        first_sent_ = now;
        started_at_ = wall;
    }
    stdout_ = {};
    stderr_ = {};
    stdin_sent_ = 0;
    stdin_credit_ = proto::initial_credit;
    stdin_ended_ = false;
    return exec;
}

Result<std::uint32_t> ExecRun::take(proto::GuestOutput output)
{
    if (live_) {
        COMMON_CHECK(live_->take(output));
        return live_->take_grant();
    }
    if (output.channel != "stdout" && output.channel != "stderr") {
        return Error{ErrorCode::invalid_argument, "output of an unknown stream"};
    }
    auto& stream = output.channel == "stdout" ? stdout_ : stderr_;
    if (output.offset != stream.received) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("{} at offset {} where {} must follow",
                                 output.channel,
                                 output.offset,
                                 stream.received)};
    }
    if (output.data.size() > stream.allowed - stream.received) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("{} beyond its credit", output.channel)};
    }
    stream.received += output.data.size();
    const auto room = spec_.output_limit.count() -
                      std::min<std::uint64_t>(stream.kept.size(), spec_.output_limit.count());
    stream.kept.append(output.data, 0, std::min<std::uint64_t>(room, output.data.size()));
    const auto grant = stream.received + proto::initial_credit - stream.allowed;
    // An agent sends what it keeps, which ends at the limit: past it nothing is granted.
    if (grant < grant_step || stream.received >= spec_.output_limit.count()) {
        return 0U;
    }
    stream.allowed += grant;
    return clamp_u32(grant);
}

void ExecRun::grant_stdin(std::uint32_t bytes)
{
    if (live_) {
        live_->grant_stdin(bytes);
    } else {
        stdin_credit_ += bytes;
    }
}

std::optional<proto::GuestStdin> ExecRun::next_stdin()
{
    if (live_) {
        return live_->next_stdin();
    }
    if (spec_.stdin_bytes.empty() || stdin_ended_) {
        return std::nullopt;
    }
    const auto left = spec_.stdin_bytes.size() - stdin_sent_;
    const auto size = std::min<std::uint64_t>({left, stdin_credit_, proto::max_chunk});
    if (size == 0) {
        return std::nullopt;
    }
    proto::GuestStdin piece;
    piece.offset = stdin_sent_;
    piece.data = spec_.stdin_bytes.substr(stdin_sent_, size);
    piece.eof = size == left;
    stdin_sent_ += size;
    stdin_credit_ -= size;
    stdin_ended_ = piece.eof;
    return piece;
}

Result<ExecOutcome>
ExecRun::finish(const proto::GuestExit& exit, common::SteadyTime now, common::WallTime wall)
{
    if (exit.stdout_bytes < stdout_.received || exit.stderr_bytes < stderr_.received) {
        return Error{ErrorCode::invalid_argument, "an exit that counts less output than came"};
    }
    if (exit.exit_code < 0 || exit.signal < 0) {
        return Error{ErrorCode::invalid_argument, "an exit with a negative status"};
    }
    ExecOutcome outcome;
    outcome.stdout_truncated = !live_ && exit.stdout_bytes > stdout_.kept.size();
    outcome.stderr_truncated = !live_ && exit.stderr_bytes > stderr_.kept.size();
    outcome.stdout_bytes = std::move(stdout_.kept);
    outcome.stderr_bytes = std::move(stderr_.kept);
    outcome.timed_out = exit.timed_out;
    outcome.exit_code = exit.exit_code;
    outcome.signal = exit.signal;
    outcome.started_at = started_at_;
    outcome.ended_at = wall;
    outcome.in_guest =
        std::chrono::duration_cast<std::chrono::microseconds>(now - first_sent_.value_or(now));
    return outcome;
}

void ExecRun::complete(const Result<ExecOutcome>& outcome)
{
    for (const auto& done : std::exchange(waiting_, {})) {
        done(outcome);
    }
}

} // namespace hostd::guest
