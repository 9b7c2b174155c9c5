#include "cli/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <span>

namespace cli {

using common::Error;
using common::ErrorCode;
using std::chrono::seconds;

namespace {

std::optional<int> digits(std::string_view text, std::size_t from, std::size_t count)
{
    int value = 0;
    const auto* begin = text.data() + from;
    const auto [end, error] = std::from_chars(begin, begin + count, value);
    return error == std::errc{} && end == begin + count ? std::optional{value} : std::nullopt;
}

struct Unit {
    std::string_view name;
    std::int64_t worth;
};

/// A whole number and one of the units, the first of which may be left out.
std::optional<std::int64_t> with_unit(std::string_view text, std::span<const Unit> units)
{
    std::int64_t number = 0;
    const auto* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    const std::string_view name{end, static_cast<std::size_t>(last - end)};
    const auto unit = name.empty() ? units.begin() : std::ranges::find(units, name, &Unit::name);
    constexpr std::int64_t most = std::int64_t{1} << 40U; // Times any unit, it still fits.
    if (error != std::errc{} || number < 0 || number > most || unit == units.end()) {
        return std::nullopt;
    }
    return number * unit->worth;
}

bool is_continuation(char c)
{
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

bool is_plain_word(std::string_view word)
{
    constexpr std::string_view also = "@%+=:,./-_";
    return !word.empty() && std::ranges::all_of(word, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               also.find(c) != std::string_view::npos;
    });
}

std::string in_quotes(std::string_view word)
{
    std::string result = "'";
    for (const char c : word) {
        result += c == '\'' ? "'\\''" : std::string{c};
    }
    return result + "'";
}

} // namespace

std::optional<common::WallTime> parse_time(std::string_view text)
{
    constexpr std::string_view shape = "0000-00-00T00:00:00";
    if (text.size() <= shape.size() || text.back() != 'Z' || text[10] != 'T') {
        return std::nullopt;
    }
    const auto year = digits(text, 0, 4);
    const auto month = digits(text, 5, 2);
    const auto day = digits(text, 8, 2);
    const auto hour = digits(text, 11, 2);
    const auto minute = digits(text, 14, 2);
    const auto second = digits(text, 17, 2);
    if (!year || !month || !day || !hour || !minute || !second) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) {
        return std::nullopt;
    }
    return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
           seconds{*second};
}

std::string short_span(seconds span)
{
    const auto count = std::max<std::int64_t>(span.count(), 0);
    constexpr std::int64_t minute = 60;
    constexpr std::int64_t hour = 60 * minute;
    constexpr std::int64_t day = 24 * hour;
    if (count < 2 * minute) {
        return fmt::format("{}s", count);
    }
    if (count < 2 * hour) {
        return fmt::format("{}m", count / minute);
    }
    return count < 2 * day ? fmt::format("{}h", count / hour) : fmt::format("{}d", count / day);
}

std::string age(std::string_view rfc3339, common::WallTime now)
{
    const auto time = parse_time(rfc3339);
    return time ? short_span(std::chrono::duration_cast<seconds>(now - *time)) : "";
}

std::string until(std::string_view rfc3339, common::WallTime now)
{
    const auto time = parse_time(rfc3339);
    if (!time) {
        return "";
    }
    return *time <= now ? "due"
                        : "in " + short_span(std::chrono::duration_cast<seconds>(*time - now));
}

common::Result<seconds> parse_span(std::string_view text)
{
    constexpr std::array units{
        Unit{"s", 1}, Unit{"m", 60}, Unit{"h", 3600}, Unit{"d", std::int64_t{24} * 3600}};
    if (const auto count = with_unit(text, units)) {
        return seconds{*count};
    }
    return Error{ErrorCode::invalid_argument,
                 fmt::format("\"{}\" is no length of time: a number and s, m, h or d, like 90s "
                             "or 10m",
                             printable(text))};
}

common::Result<std::int64_t> parse_memory_mb(std::string_view text)
{
    constexpr std::array units{Unit{"M", 1}, Unit{"MiB", 1}, Unit{"G", 1024}, Unit{"GiB", 1024}};
    if (const auto count = with_unit(text, units)) {
        return *count;
    }
    return Error{ErrorCode::invalid_argument,
                 fmt::format("\"{}\" is no size of memory: a number of MiB, or one and M or G, "
                             "like 512 or 2G",
                             printable(text))};
}

std::string size_text(std::uint64_t bytes)
{
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 100 ? 0 : 1, units[unit]);
}

std::string shell_line(const std::vector<std::string>& words)
{
    if (words.size() == 1) {
        return words.front();
    }
    std::string line;
    for (const auto& word : words) {
        line += (line.empty() ? "" : " ") + (is_plain_word(word) ? word : in_quotes(word));
    }
    return line;
}

std::string printable(std::string_view text)
{
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte == '\n' || byte == '\t') {
            result += ' ';
        } else if (byte == 0xC2 && i + 1 < text.size() &&
                   static_cast<unsigned char>(text[i + 1]) < 0xA0) {
            result += '?'; // The control characters U+0080 to U+009F.
            ++i;
        } else {
            result += byte < 0x20 || byte == 0x7F ? '?' : text[i];
        }
    }
    return result;
}

std::size_t width_of(std::string_view text)
{
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

std::string cut(std::string_view text, std::size_t width)
{
    if (width == 0 || width_of(text) <= width) {
        return std::string{width == 0 ? std::string_view{} : text};
    }
    std::size_t end = 0;
    for (std::size_t columns = 0; end < text.size(); ++end) {
        columns += is_continuation(text[end]) ? 0 : 1;
        if (columns == width) {
            break;
        }
    }
    return std::string{text.substr(0, end)} + "…";
}

} // namespace cli
