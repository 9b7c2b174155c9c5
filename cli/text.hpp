#pragma once

#include "common/clock.hpp"
#include "common/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Between what people write and read, and what the API has.
namespace cli {

/// RFC 3339 in UTC, with or without fractions, as the API sends it; nothing for anything else.
std::optional<common::WallTime> parse_time(std::string_view text);

/// Two figures at most: "7s", "12m", "3h", "5d".
std::string short_span(std::chrono::seconds span);
/// How long ago, "7s"; "" of what is no time.
std::string age(std::string_view rfc3339, common::WallTime now);
/// How long until then, "in 9m"; "" of what is no time, "due" once it is past.
std::string until(std::string_view rfc3339, common::WallTime now);

/// "90" (seconds), "90s", "10m", "2h", "7d".
common::Result<std::chrono::seconds> parse_span(std::string_view text);
/// MiB of "512", "512M", "2G".
common::Result<std::int64_t> parse_memory_mb(std::string_view text);
/// "1.5 GiB".
std::string size_text(std::uint64_t bytes);

/// One word as it is; several as one line for a shell, each quoted (POSIX) where it needs to be.
std::string shell_line(const std::vector<std::string>& words);

/// Safe for a terminal: no control characters, whoever wrote it; line ends become spaces.
std::string printable(std::string_view text);
/// Columns that UTF-8 text takes, if each character takes one.
std::size_t width_of(std::string_view text);
/// Cut to so many columns, with an ellipsis in place of what is cut.
std::string cut(std::string_view text, std::size_t width);

} // namespace cli
