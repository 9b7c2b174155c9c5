#include "coordinator/http/cursor.hpp"

#include "coordinator/http/rules.hpp"

#include <charconv>

namespace coordinator::http {

namespace {

constexpr std::int64_t latest_us =
    253'402'300'799'999'999;  // The end of 9999, as PostgreSQL knows it.
constexpr char between = '~'; // In no name and no id, and as it is in a URL.

} // namespace

std::string to_cursor(const Position& position)
{
    return std::to_string(position.at_us) + between + position.key;
}

std::optional<Position> from_cursor(std::string_view cursor)
{
    Position position;
    const auto* end = cursor.data() + cursor.size();
    const auto [at, error] = std::from_chars(cursor.data(), end, position.at_us);
    if (error != std::errc{} || at == end || *at != between || position.at_us < 0 ||
        position.at_us > latest_us) {
        return std::nullopt;
    }
    position.key.assign(at + 1, end);
    return rules::name(position.key).empty() ? std::optional{position} : std::nullopt;
}

} // namespace coordinator::http
