#pragma once

#include "common/clock.hpp"

#include <optional>
#include <string_view>

namespace common {

/// The moment that an RFC 3339 text names, with any offset from UTC and any fraction of a second,
/// of which microseconds count. Nothing for what is none, and before 1970 or after 2200.
std::optional<WallTime> from_rfc3339(std::string_view text);

} // namespace common
