#pragma once

#include "coordinator/core/model.hpp"
#include "coordinator/http/rest/json_text.hpp"

namespace coordinator::http::rest {

/// A sandbox, as every reply that holds one shows it.
Json json_of(const Sandbox& sandbox);

/// As `run` answers it.
Json command_json(const Command& command);

} // namespace coordinator::http::rest
