#pragma once

#include "cli/listing.hpp"
#include "cli/table.hpp"
#include "client/session.hpp"
#include "common/clock.hpp"
#include "common/result.hpp"

#include <functional>
#include <string>

// A host that is emptied, as the API tells of it: the object "drain" or "evacuation" of a host.
namespace cli {

/// "moved 3, 2 left"
std::string drain_progress(const Json& drain);
/// "draining, moved 3, 2 left, until 2026-01-31T13:00:00Z (in 50m)"; of an evacuation without that.
std::string drain_text(const Json& drain, common::WallTime now);
/// What keeps each one there that is left.
Table left_table(const Json& drain);

/// How a drain is followed.
struct DrainWatch {
    std::function<void(const Json& drain)> told; ///< Of each answer.
    std::function<void()> pause;                 ///< Between two questions.
};
/// Of the two which it is, as the API says it.
struct Emptying {
    const char* object;    ///< Of the host.
    const char* under_way; ///< Its state until it is over.
    const char* called;    ///< "drained": as people say of the host.
    const char* ended;     ///< The reason if the host is not to be emptied any more.
};
inline constexpr Emptying draining{"drain", "draining", "drained", "drain_ended"};
inline constexpr Emptying evacuating{"evacuation", "evacuating", "evacuated", "evacuation_ended"};

/// Asks for the host until it is over; `body` is the first answer, the result the last one, both as
/// they came. A coordinator that is away for a minute is waited for: a drain outlives that.
/// `failed_precondition` (`ended`) if the host is not to be emptied any more.
common::Result<std::string> follow_drain(client::Session& session,
                                         const std::string& host,
                                         std::string body,
                                         const DrainWatch& watch,
                                         const Emptying& kind = draining);

} // namespace cli
