#include "coordinator/store/text.hpp"

#include "common/utf8.hpp"

#include <algorithm>
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
        const auto length = text.front() == '\0' ? 0 : common::utf8_sequence(text);
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

void ArrayText::add_null()
{
    if (text_.size() > 1) {
        text_ += ',';
    }
    text_ += "NULL";
}

std::string ArrayText::finish() &&
{
    text_ += '}';
    return std::move(text_);
}

std::vector<std::string> array_items(std::string_view array)
{
    std::vector<std::string> items;
    if (array.size() >= 2) {
        array = array.substr(1, array.size() - 2); // The braces.
    }
    while (!array.empty()) {
        const bool quoted = array.front() == '"';
        const char end = quoted ? '"' : ',';
        std::string item;
        std::size_t at = quoted ? 1 : 0;
        for (; at < array.size() && array[at] != end; ++at) {
            if (array[at] == '\\' && at + 1 < array.size()) {
                ++at;
            }
            item += array[at];
        }
        if (quoted || item != "NULL") {
            items.push_back(from_column(item));
        }
        array.remove_prefix(std::min(array.size(), at + (quoted ? 2 : 1)));
    }
    return items;
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
