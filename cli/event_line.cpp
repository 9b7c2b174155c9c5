#include "cli/event_line.hpp"

#include "cli/text.hpp"

#include <fmt/format.h>

namespace cli {

namespace {

/// Filled up to a column, so that lines that come one by one still make a table.
std::string cell(const std::string& text, std::size_t width)
{
    const auto shown = text.empty() ? std::string{"-"} : printable(text);
    const auto taken = width_of(shown);
    return shown + std::string(taken < width ? width - taken : 0, ' ');
}

/// To the second: "2026-01-31T12:00:00Z" of "2026-01-31T12:00:00.123456Z".
std::string second_of(const std::string& at)
{
    const auto point = at.find('.');
    return point == std::string::npos ? at : at.substr(0, point) + "Z";
}

} // namespace

std::string event_line(const Json& row, const Look& look)
{
    const bool is_outcome = text_of(row, "kind") == "outcome";
    const auto result = text_of(row, "result");
    const auto tone = !is_outcome ? Tone::dim : result == "ok" ? Tone::good : Tone::bad;
    // Toned behind the filling: escape sequences take no columns.
    return fmt::format("{}  {}  {}  {}  {}  {}\n",
                       toned(second_of(printable(text_of(row, "at"))), Tone::dim, look),
                       cell(text_of(row, "action"), 18),
                       toned(cell(is_outcome ? result : "begins", 10), tone, look),
                       cell(text_of(row, "target"), 20),
                       cell(text_of(row, "host"), 6),
                       printable(text_of(row, "actor")));
}

} // namespace cli
