#pragma once

#include "common/result.hpp"

#include <spdlog/spdlog.h>
#include <string>

namespace common::log {

/// Where the one who decides logs, once; library code stays silent. Everything
/// goes to stderr, for the journal or the supervisor's file: one line an event. Where stderr is
/// the journal, lines begin with their priority for it (sd-daemon(3)). Call in main()
/// before other threads start.
///   level  trace|debug|info|warning|error
///   format text|json (one object a line: time, level, thread, message, and json_fields() of it)
Result<> init(const std::string& level, const std::string& format);

/// From now on, and says so under whichever of both levels shows more. Any thread.
Result<> set_level(const std::string& level);

} // namespace common::log
