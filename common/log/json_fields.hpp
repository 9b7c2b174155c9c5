#pragma once

#include <string>
#include <string_view>

namespace common::log {

/// `"message":"…"` as members of a JSON object, and after it the first id of each kind that the
/// message has: request_id, sandbox_id, snapshot_id, operation_id, command_id; the first two also
/// of what this thread works on (working_on.hpp). What is no UTF-8 is U+FFFD there.
std::string json_fields(std::string_view message);

/// " (req-… sbx-…)": what this thread works on, of what the message does not name; or "".
std::string text_fields(std::string_view message);

} // namespace common::log
