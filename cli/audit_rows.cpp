#include "cli/audit_rows.hpp"

#include <algorithm>
#include <charconv>

namespace cli {

namespace {

/// "a=1 b=x" of an object; other JSON as it is.
std::string words_of(const Json& detail)
{
    if (!detail.is_object()) {
        return detail.is_string() ? detail.get<std::string>() : detail.dump();
    }
    std::string text;
    for (const auto& [name, value] : detail.items()) {
        text += (text.empty() ? "" : " ") + name + "=" +
                (value.is_string() ? value.get<std::string>() : value.dump());
    }
    return text;
}

/// To the second: "2026-01-31T12:00:00Z" of "2026-01-31T12:00:00.123456Z".
std::string to_the_second(const std::string& at)
{
    const auto point = at.find('.');
    return point == std::string::npos ? at : at.substr(0, point) + "Z";
}

/// Of a line that begins {"seq":N, as all do; 0 of another.
std::uint64_t number_of_line(std::string_view line)
{
    constexpr std::string_view before = R"({"seq":)";
    std::uint64_t seq = 0;
    if (line.starts_with(before)) {
        std::from_chars(line.data() + before.size(), line.data() + line.size(), seq);
    }
    return seq;
}

} // namespace

Table audit_table(const Json& rows)
{
    Table table{{"SEQ", "AT", "ACTION", "RESULT", "TARGET", "HOST", "ACTOR", "DETAIL"}};
    for (const auto& row : rows) {
        const bool is_outcome = text_of(row, "kind") == "outcome";
        const auto result = text_of(row, "result");
        const auto detail = row.find("detail");
        table.add({{text_of(row, "seq"), Tone::dim},
                   {to_the_second(text_of(row, "at")), Tone::dim},
                   {text_of(row, "action")},
                   {is_outcome ? result : "begins",
                    !is_outcome      ? Tone::dim
                    : result == "ok" ? Tone::good
                                     : Tone::bad},
                   {text_of(row, "target")},
                   {text_of(row, "host")},
                   {text_of(row, "actor")},
                   {detail == row.end() ? "" : words_of(*detail)}});
    }
    return table;
}

bool AuditLines::take(std::string_view piece)
{
    rest_ += piece;
    const auto end = rest_.rfind('\n');
    if (end == std::string::npos) {
        return true;
    }
    const auto lines = std::string_view{rest_}.substr(0, end + 1);
    stuck_ = stuck_ || !write_(lines);
    if (stuck_) {
        return false;
    }
    rows_ += static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
    const auto before = lines.substr(0, end).rfind('\n');
    last_ = number_of_line(lines.substr(before == std::string_view::npos ? 0 : before + 1));
    rest_.erase(0, end + 1);
    return true;
}

} // namespace cli
