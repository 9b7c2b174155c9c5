#pragma once

#include "common/result.hpp"

#include <spdlog/spdlog.h>
#include <string>

namespace common::log {

/// Where the one who decides logs, once; library code stays silent. Everything
/// goes to stderr, for the journal or the supervisor's file. Call in main()
/// before other threads start.
///   level  trace|debug|info|warning|error
///   format text|json (one object a line: time, level, thread, message)
Result<> init(const std::string& level, const std::string& format);

} // namespace common::log
