#include "coordinator/http/target.hpp"

#include "common/utf8.hpp"

#include <algorithm>
#include <optional>

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;

constexpr std::size_t max_segments = 32;
constexpr std::size_t max_parameters = 64;

Error malformed(std::string what)
{
    return Error{ErrorCode::invalid_argument, "malformed request: " + what, "malformed_request"};
}

std::optional<unsigned> hex(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<unsigned>(c - 'a') + 10U;
    }
    if (c >= 'A' && c <= 'F') {
        return static_cast<unsigned>(c - 'A') + 10U;
    }
    return std::nullopt;
}

enum class Plus { literal, space };

std::optional<std::string> decoded(std::string_view text, Plus plus)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const auto high = i + 2 < text.size() ? hex(text[i + 1]) : std::nullopt;
            const auto low = i + 2 < text.size() ? hex(text[i + 2]) : std::nullopt;
            if (!high || !low) {
                return std::nullopt;
            }
            c = static_cast<char>((*high << 4U) | *low);
            i += 2;
        } else if (c == '+' && plus == Plus::space) {
            c = ' ';
        }
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            return std::nullopt;
        }
        out += c;
    }
    return common::is_utf8(out) ? std::optional{std::move(out)} : std::nullopt;
}

common::Result<> read_query(std::string_view text, Query& query)
{
    while (!text.empty()) {
        const auto pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), pair.size() + 1));
        if (pair.empty()) {
            continue;
        }
        const auto equals = pair.find('=');
        const auto name = decoded(pair.substr(0, equals), Plus::space);
        const auto value = equals == std::string_view::npos
                               ? std::optional{std::string{}}
                               : decoded(pair.substr(equals + 1), Plus::space);
        if (!name || !value) {
            return malformed("a query parameter is not valid percent encoding");
        }
        if (query.size() == max_parameters) {
            return malformed("more than 64 query parameters");
        }
        query.emplace_back(*name, *value);
    }
    return {};
}

} // namespace

common::Result<Target> parse_target(std::string_view target)
{
    Target out;
    const auto fragment = target.find('#');
    target = target.substr(0, fragment);
    const auto question = target.find('?');
    auto path = target.substr(0, question);
    if (path.starts_with('/')) {
        path.remove_prefix(1);
    }
    if (path.ends_with('/')) {
        path.remove_suffix(1);
    }
    while (!path.empty()) {
        const auto slash = path.find('/');
        auto segment = decoded(path.substr(0, slash), Plus::literal);
        if (!segment) {
            return malformed("the path is not valid percent encoding");
        }
        if (out.segments.size() == max_segments) {
            return malformed("the path has more than 32 segments");
        }
        out.segments.push_back(std::move(*segment));
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    }
    if (question != std::string_view::npos) {
        COMMON_CHECK(read_query(target.substr(question + 1), out.query));
    }
    return out;
}

} // namespace coordinator::http
