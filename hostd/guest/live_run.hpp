#pragma once

#include "common/result.hpp"
#include "hostd/core/live_exec.hpp"
#include "proto/guest_messages.hpp"
#include "proto/output_log.hpp"

#include <functional>
#include <map>
#include <optional>

namespace hostd::guest {

/// The streams of one live exec, from the host's side: the newest of its output and who reads it,
/// and the stdin that the agent has not had. Pure: no I/O, no clock. A failed take() or
/// attached() is the guest's fault and ends its session.
///
/// The command waits in its write while its slowest reader is far behind, or is on its way: from
/// its begin, and from close_all(), for as long as the caller expects one. One that nobody reads
/// goes on.
class LiveRun {
public:
    using Tell = std::function<void(ReaderNews)>;
    /// Whether it goes on while nobody reads it, and drops the oldest of what it writes.
    enum class Unread { goes_on, waits };

    explicit LiveRun(Unread unread = Unread::goes_on) : unread_{unread} {}

    /// The agent goes on as it says.
    common::Result<> attached(const proto::GuestStarted& started);
    common::Result<> take(const proto::GuestOutput& output);
    /// What is to be granted to the agent now, of output; 0 for nothing yet.
    [[nodiscard]] std::uint32_t take_grant();
    /// The position of what comes next.
    [[nodiscard]] std::uint64_t end() const noexcept { return log_.end(); }

    /// `rate_limited` if there are too many.
    common::Result<> open(std::uint64_t reader, std::uint64_t from, std::uint32_t credit);
    void grant(std::uint64_t reader, std::uint32_t bytes);
    /// After the last one nobody is expected any more. One that never had credit only waited for
    /// the start: it ends no waiting for those who come back.
    void close(std::uint64_t reader);
    /// Their connection is gone. They may come back: they are waited for as at the begin.
    void close_all();
    /// It is to end: what it still writes is dropped while nobody reads it, or it would wait for
    /// ever to say so.
    void let_go() noexcept { unread_ = Unread::goes_on; }
    /// Nobody came, or comes back.
    void expect_none() noexcept { awaited_ = Awaited::nobody; }
    [[nodiscard]] bool is_read() const noexcept { return !readers_.empty(); }
    /// Somebody reads it, or is to.
    [[nodiscard]] bool is_wanted() const noexcept { return is_read() || is_expecting(); }
    /// Nobody reads it, and somebody is to.
    [[nodiscard]] bool is_expecting() const noexcept
    {
        return readers_.empty() && awaited_ != Awaited::nobody;
    }
    /// The command, or its end, waits for the slowest of its readers.
    [[nodiscard]] bool holds_up() const noexcept;
    /// It writes no more: who has read all of it is told so, and is no reader any more.
    void set_ended() noexcept { ended_ = true; }
    /// Everything that the readers have credit for.
    void tell(const common::OperationId& operation, const Tell& tell);
    /// Nothing will ever come for those who read: they are told so.
    void give_up(const common::OperationId& operation, const Tell& tell);

    /// Somebody watches from there, or from what is kept of it, and only sees: nothing waits for
    /// him.
    void watch(std::uint64_t from);
    void unwatch() noexcept { watched_.reset(); }
    [[nodiscard]] bool is_watched() const noexcept { return watched_.has_value(); }
    /// The next piece for who watches that this credit allows.
    std::optional<proto::OutputLog::Piece> next_watched(std::uint64_t credit);
    /// It writes no more, and who watches has not been told so.
    [[nodiscard]] bool owes_watched_end() const noexcept { return ended_ && watched_.has_value(); }
    /// He has had the last of it.
    [[nodiscard]] bool is_all_watched() const noexcept { return *watched_ >= log_.end(); }

    /// All of it or nothing: `rate_limited` (reason stdin_full) while much waits for the command,
    /// `failed_precondition` (stdin_closed) after the end.
    common::Result<> write(const StdinPiece& piece);
    /// The next piece that credit allows.
    std::optional<proto::GuestStdin> next_stdin();
    /// The command has taken so much.
    void grant_stdin(std::uint32_t bytes);

private:
    struct Reader {
        std::uint64_t position;
        std::uint64_t credit;
        bool knows_start;
        bool reads; ///< It had credit.
    };
    enum class Awaited : std::uint8_t { nobody, first, again };
    [[nodiscard]] std::uint64_t slowest() const noexcept;

    Unread unread_;
    proto::OutputLog log_;
    std::uint64_t allowed_ = 0; ///< The agent may send up to here.
    bool started_ = false;
    bool ended_ = false;
    Awaited awaited_ = Awaited::first;
    std::map<std::uint64_t, Reader> readers_;
    std::optional<std::uint64_t> watched_; ///< Up to here.

    std::string stdin_;          ///< What the command has not taken, as far as is known.
    std::uint64_t stdin_at_ = 0; ///< Of its first byte.
    std::size_t stdin_sent_ = 0; ///< Of it.
    std::uint64_t stdin_credit_ = 0;
    std::uint64_t stdin_held_ =
        0; ///< What the agent had when it was attached, and has not passed on.
    bool stdin_closed_ = false;
    bool stdin_eof_sent_ = false;
};

} // namespace hostd::guest
