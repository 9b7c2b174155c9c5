#pragma once

#include "cli/listing.hpp"
#include "client/event_parser.hpp"

#include <optional>
#include <string>

// What events of streams of bytes have in common.
namespace cli {

/// The event as one line of JSON, which a program can read as it comes.
std::string line_of(const client::ServerEvent& event);

/// What it carries; nothing where that is in no form that is known.
std::optional<std::string> bytes_in(const Json& data);

} // namespace cli
