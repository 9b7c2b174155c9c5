#pragma once

#include "coordinator/core/event_tail.hpp"
#include "coordinator/core/watched_output.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>

namespace coordinator::http::rest {

/// A piece of what a live command wrote, as one reader has not had it; at a command's end it may
/// be nothing but what was missed.
struct ToldPiece {
    common::CommandId command;
    bool of_stderr = false;
    std::uint64_t position = 0; ///< Of its first byte.
    std::uint64_t missed = 0;   ///< Bytes right before that, which are told by nobody here.
    std::string data;
};
using ToldActivity = std::variant<AuditEvent, ToldPiece>;

/// Makes one stream of what the audit says of a sandbox and what its live commands write: a
/// command's start before its output, its end after all of it, and the audit's rows in their own
/// order. What waits for a start is bounded; what is too much of it is missed. Of each command,
/// what was told and what was missed are all that it wrote.
class ActivityOrder {
public:
    /// `rows` marks what is there now. `known`: commands of which the reader was told otherwise.
    ActivityOrder(std::shared_ptr<EventFeed> rows,
                  OutputWatch watch,
                  std::set<common::CommandId> known);

    /// What is to be told next; nothing if there is nothing now.
    std::optional<ToldActivity> next();

private:
    using Piece = std::shared_ptr<const WatchedPiece>;
    struct Live {
        std::uint64_t position = 0; ///< Told, or told to be missed, up to here.
        std::deque<Piece> waiting;  ///< For its start to be told.
        std::optional<WatchedEnd> end;
    };
    using Lives = std::map<common::CommandId, Live>;

    void take_row(AuditEvent row);
    void take_watched(const WatchedEvent& event);
    void take_piece(const Piece& piece);
    void tell(Live& live, const Piece& piece);
    void tell_waiting(Live& live);
    void now_known(const common::CommandId& command);
    void finish();
    [[nodiscard]] bool may_finish() const;

    std::shared_ptr<EventFeed> rows_;
    std::shared_ptr<WatchFeed> watched_;
    std::set<common::CommandId> running_; ///< Since before; known once all rows of before are told.
    std::set<common::CommandId> known_;   ///< Of which the reader has been told that they run.
    Lives lives_;
    std::size_t waiting_ = 0;          ///< Bytes, of all.
    std::optional<AuditEvent> ending_; ///< The row of an end, until its output was told.
    common::CommandId ending_of_;
    std::size_t looks_ = 0; ///< Into `watched_`, until a command that is not among lives_ is none.
    std::deque<ToldActivity> ready_;
};

} // namespace coordinator::http::rest
