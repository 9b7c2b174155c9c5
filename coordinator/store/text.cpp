#include "coordinator/store/text.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace coordinator::store {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_hex(std::string& out, unsigned char byte)
{
    out += hex_digits[byte >> 4U];
    out += hex_digits[byte & 15U];
}

/// How many bytes the UTF-8 sequence at the front of `text` has; 0 if it is none that
/// PostgreSQL takes (Unicode 15, table 3-7: nothing overlong, no surrogates).
std::size_t sequence_length(std::string_view text)
{
    struct Lead {
        unsigned first, last, low, high;
        std::size_t length;
    };
    static constexpr std::array<Lead, 9> leads{{{0x01, 0x7F, 0, 0, 1},
                                                {0xC2, 0xDF, 0x80, 0xBF, 2},
                                                {0xE0, 0xE0, 0xA0, 0xBF, 3},
                                                {0xE1, 0xEC, 0x80, 0xBF, 3},
                                                {0xED, 0xED, 0x80, 0x9F, 3},
                                                {0xEE, 0xEF, 0x80, 0xBF, 3},
                                                {0xF0, 0xF0, 0x90, 0xBF, 4},
                                                {0xF1, 0xF3, 0x80, 0xBF, 4},
                                                {0xF4, 0xF4, 0x80, 0x8F, 4}}};
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    for (const auto& lead : leads) {
        if (byte(0) < lead.first || byte(0) > lead.last) {
            continue;
        }
        if (text.size() < lead.length ||
            (lead.length > 1 && (byte(1) < lead.low || byte(1) > lead.high))) {
            return 0;
        }
        for (std::size_t i = 2; i < lead.length; ++i) {
            if (byte(i) < 0x80 || byte(i) > 0xBF) {
                return 0;
            }
        }
        return lead.length;
    }
    return 0;
}

std::optional<unsigned> hex_value(char digit)
{
    const auto at = hex_digits.find(digit);
    return at == std::string_view::npos ? std::nullopt : std::optional{static_cast<unsigned>(at)};
}

} // namespace

std::string to_column(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto length = sequence_length(text);
        if (length == 0) {
            out += "\\x";
            append_hex(out, static_cast<unsigned char>(text.front()));
        } else if (text.front() == '\\') {
            out += "\\\\";
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

std::string from_column(std::string_view column)
{
    std::string out;
    out.reserve(column.size());
    for (std::size_t i = 0; i < column.size(); ++i) {
        const auto rest = column.substr(i);
        if (rest.starts_with("\\\\")) {
            out += '\\';
            i += 1;
        } else if (rest.starts_with("\\x") && rest.size() >= 4 && hex_value(rest[2]) &&
                   hex_value(rest[3])) {
            out += static_cast<char>(*hex_value(rest[2]) * 16 + *hex_value(rest[3]));
            i += 3;
        } else {
            out += column[i];
        }
    }
    return out;
}

void ArrayText::add_raw(std::string_view element)
{
    if (text_.size() > 1) {
        text_ += ',';
    }
    text_ += '"';
    for (const char c : element) {
        if (c == '"' || c == '\\') {
            text_ += '\\';
        }
        text_ += c;
    }
    text_ += '"';
}

std::string ArrayText::finish() &&
{
    text_ += '}';
    return std::move(text_);
}

std::string pairs_array(const std::map<std::string, std::string>& map)
{
    ArrayText array;
    for (const auto& [key, value] : map) {
        array.add(key);
        array.add(value);
    }
    return std::move(array).finish();
}

std::string pairs_array(const std::map<std::string, std::uint64_t>& map)
{
    ArrayText array;
    for (const auto& [key, value] : map) {
        array.add(key);
        array.add_raw(std::to_string(value));
    }
    return std::move(array).finish();
}

std::string text_array(const std::vector<std::string>& list)
{
    ArrayText array;
    for (const auto& item : list) {
        array.add(item);
    }
    return std::move(array).finish();
}

std::string bytea_text(std::string_view bytes)
{
    std::string out = "\\x";
    out.reserve(2 + 2 * bytes.size());
    for (const char c : bytes) {
        append_hex(out, static_cast<unsigned char>(c));
    }
    return out;
}

} // namespace coordinator::store
