#pragma once

#include "coordinator/core/page.hpp"

#include <optional>
#include <string>
#include <string_view>

// A place in a list as clients hold it: theirs to give back, not to read.
namespace coordinator::http {

std::string to_cursor(const Position& position);
/// Nothing if to_cursor() cannot have made it. Of which list it is, it does not say.
std::optional<Position> from_cursor(std::string_view cursor);

} // namespace coordinator::http
