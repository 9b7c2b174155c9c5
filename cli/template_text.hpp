#pragma once

#include "common/result.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace cli {

/// The file that applies to this template, as the API gives it, and to its pool, which may be null.
/// `unimplemented` names a field that a newer coordinator has: nothing of it is left out in
/// silence.
common::Result<std::string> template_text(const nlohmann::ordered_json& whole,
                                          const nlohmann::ordered_json& pool);

} // namespace cli
