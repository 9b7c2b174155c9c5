#include "coordinator/http/rules.hpp"

#include "common/id.hpp"

#include <algorithm>
#include <cstddef>

namespace coordinator::http::rules {

namespace {

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
bool is_control(char c)
{
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}
bool has_nul(std::string_view text)
{
    return text.find('\0') != std::string_view::npos;
}

std::string printable(std::string_view text, std::size_t least, std::size_t most)
{
    if (text.size() < least || text.size() > most || std::ranges::any_of(text, is_control)) {
        return "must be " + std::to_string(least) + " to " + std::to_string(most) +
               " bytes without control characters";
    }
    return {};
}

} // namespace

std::string name(std::string_view text)
{
    return common::is_name(text) ? ""
                                 : "must be 1 to 63 of [A-Za-z0-9._-], beginning and ending with a "
                                   "letter or digit, without \"..\"";
}

std::string agent_id(std::string_view text)
{
    return printable(text, 1, 128);
}

std::string label_key(std::string_view text)
{
    const auto fits = [](char c) {
        return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-' || c == '/';
    };
    return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, fits)
               ? ""
               : "must be 1 to 63 of [A-Za-z0-9._/-]";
}

std::string label_value(std::string_view text)
{
    return printable(text, 0, 255);
}

std::string env_name(std::string_view text)
{
    const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
    return !text.empty() && text.size() <= 128 && !is_digit(text.front()) &&
                   std::ranges::all_of(text, fits)
               ? ""
               : "must match [A-Za-z_][A-Za-z0-9_]* and have at most 128 characters";
}

std::string env_value(std::string_view text)
{
    constexpr std::size_t most = std::size_t{32} << 10U;
    return text.size() <= most && !has_nul(text) ? "" : "must be at most 32 KiB without NUL";
}

std::string command(std::string_view text)
{
    constexpr std::size_t most = std::size_t{256} << 10U;
    return !text.empty() && text.size() <= most && !has_nul(text)
               ? ""
               : "must be 1 byte to 256 KiB without NUL";
}

std::string user(std::string_view text)
{
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-';
    };
    return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, fits) &&
                   !is_digit(text.front()) && text.front() != '-'
               ? ""
               : "must match [a-z_][a-z0-9_-]{0,31}";
}

std::string absolute_path(std::string_view text)
{
    return text.starts_with('/') && text.size() <= 4095 && !has_nul(text)
               ? ""
               : "must be an absolute path of at most 4095 bytes without NUL";
}

std::string any(std::string_view)
{
    return {};
}

} // namespace coordinator::http::rules
