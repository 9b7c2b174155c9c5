#pragma once

#include "common/result.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace coordinator::http {

/// Parses exactly one JSON text (RFC 8259) and nothing after it. Refuses, naming the
/// place: syntax errors, invalid UTF-8, duplicate keys, numbers that no type holds, and
/// more than 16 levels, counted while reading, so that a deep text costs no stack.
common::Result<nlohmann::json> parse_json(std::string_view text);

} // namespace coordinator::http
