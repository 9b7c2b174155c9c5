#pragma once

#include "cli/listing.hpp"
#include "cli/table.hpp"

#include <string>

namespace cli {

/// A row of the audit as one line: when (UTC), what, how it went, about what, where, by whom.
std::string event_line(const Json& row, const Look& look);

} // namespace cli
