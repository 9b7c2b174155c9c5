#pragma once

#include "common/result.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace coordinator::http {

/// Parses exactly one JSON text (RFC 8259) and nothing after it. Refuses, naming the
/// place: syntax errors, invalid UTF-8, duplicate keys, numbers that no type holds, and
/// more than 16 levels, counted while reading, so that a deep text costs no stack.
common::Result<nlohmann::json> parse_json(std::string_view text);

/// What `object`, which parse_json() took, holds under `key`, as compact JSON: fields in their
/// order and numbers as they were written, also those that no type holds exactly. "": nothing.
std::string text_of_member(std::string_view object, std::string_view key);

} // namespace coordinator::http
