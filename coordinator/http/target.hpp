#pragma once

#include "common/result.hpp"
#include "coordinator/http/request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace coordinator::http {

/// A request target taken apart: the path is split before its segments are decoded, so
/// that an encoded slash stays inside its segment.
struct Target {
    std::vector<std::string> segments;
    Query query;
};

/// `invalid_argument` for broken percent escapes, control characters, more than 32
/// segments or 64 parameters. A trailing slash means the same path.
common::Result<Target> parse_target(std::string_view target);

} // namespace coordinator::http
