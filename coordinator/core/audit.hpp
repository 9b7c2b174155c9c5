#pragma once

#include "common/clock.hpp"
#include "coordinator/core/model.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coordinator {

/// One row of the audit: an *intent* before something is done, an *outcome* after.
/// The writer adds seq, time, prev_hash and hash; docs/decisions has the encoding.
struct AuditRow {
    enum class Kind { intent, outcome };
    Kind kind = Kind::intent;
    std::string action; ///< "sandbox.create", "command.run", "host.connect", …
    Caller caller;
    common::OperationId operation;
    std::string host;   ///< "" where none is involved.
    std::string target; ///< The id that it is about.
    std::string result; ///< "" for an intent; "ok" or the error's stable reason.
    std::string detail; ///< JSON object, bounded; never a secret, never a command's output.
};

/// What chains a row to the one before it, as it is stored: SHA-256s, and the bytes of `hash`.
struct AuditSeal {
    std::array<std::uint8_t, 32> prev_hash{};
    std::array<std::uint8_t, 32> hash{};
    std::string payload;
};

/// A row of the audit, as it is told of.
struct AuditEvent {
    std::uint64_t seq = 0; ///< Without holes, from 1.
    common::WallTime at;   ///< Never before that of an earlier row.
    AuditRow row;
    std::shared_ptr<const Command> command{}; ///< Only as EventFilter::with_commands says.
    std::shared_ptr<const AuditSeal> seal{};
    bool ends = false; ///< No row: all up to `seq` was told, as EventFilter asks.
};

/// When; what is not said is not asked.
struct AuditSpan {
    std::string tenant; ///< Whose rows, beside those that are nobody's.
    std::optional<common::WallTime> since;
    std::optional<common::WallTime> until; ///< That moment is not in it.
};

/// Which rows somebody wants to see, and in what order. All that is said must hold.
struct AuditQuery {
    AuditSpan span;
    std::optional<std::string> tool;   ///< What is before an action's dot: "sandbox".
    std::optional<std::string> action; ///< Exact, or what is before its dot.
    std::optional<std::string> actor;
    std::optional<std::string> target; ///< Of a sandbox: its id.
    std::optional<std::string> host;
    std::optional<std::string> result;
    std::optional<std::string> request;
    std::optional<std::string> operation;
    std::optional<AuditRow::Kind> kind;
    std::uint64_t after = 0;             ///< Rows with a higher number.
    std::optional<std::uint64_t> before; ///< Rows with a lower one.
    enum class Order { newest_first, oldest_first };
    Order order = Order::newest_first;
    std::uint32_t limit = 100;
    enum class Total { none, counted };
    Total total = Total::none;
};

struct AuditPage {
    std::vector<AuditEvent> rows; ///< At most `limit`. Fewer also where many had to be looked at.
    /// What `before` (`after`, oldest first) is for the next page; nothing: this is the last one.
    std::optional<std::uint64_t> next;
    std::optional<std::uint64_t> total; ///< If it was wanted, and can be counted in a moment.
};

/// Counts over the newest rows of a span.
struct AuditCounts {
    std::uint64_t rows = 0;
    std::uint64_t first = 0; ///< The lowest number that was looked at; 0: the span holds none.
    std::uint64_t last = 0;
    bool complete = true; ///< The whole span was looked at.
    struct Kinds {
        std::uint64_t intents = 0;
        std::uint64_t outcomes = 0;
    };
    std::map<std::string, Kinds> actions;
    std::map<std::string, std::uint64_t> results; ///< Of outcomes.
    std::map<std::string, std::uint64_t> actors;  ///< The busiest.
};

/// What a walk along the chain found.
struct AuditCheck {
    struct Flaw {
        std::uint64_t seq = 0; ///< The first row that does not fit.
        std::string why;
    };
    std::uint64_t rows = 0; ///< That fit, from the first on.
    std::string head;       ///< Hash of the last of them, hex.
    std::optional<Flaw> flaw;
};

} // namespace coordinator
