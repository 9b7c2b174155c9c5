#pragma once

#include "cli/listing.hpp"
#include "cli/table.hpp"
#include "client/session.hpp"
#include "common/clock.hpp"
#include "common/result.hpp"

#include <functional>
#include <string>

// A host that is emptied, as the API tells of it: the object "drain" of a host.
namespace cli {

/// "moved 3, 2 left"
std::string drain_progress(const Json& drain);
/// "draining, moved 3, 2 left, until 2026-01-31T13:00:00Z (in 50m)"
std::string drain_text(const Json& drain, common::WallTime now);
/// What keeps each one there that is left.
Table left_table(const Json& drain);

/// How a drain is followed.
struct DrainWatch {
    std::function<void(const Json& drain)> told; ///< Of each answer.
    std::function<void()> pause;                 ///< Between two questions.
};
/// Asks for the host until its drain is over; `body` is the first answer, the result the last one,
/// both as they came. A coordinator that is away for a minute is waited for: a drain outlives that.
/// `failed_precondition` (drain_ended) if the host is not to be drained any more.
common::Result<std::string> follow_drain(client::Session& session,
                                         const std::string& host,
                                         std::string body,
                                         const DrainWatch& watch);

} // namespace cli
