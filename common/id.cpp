#include "common/id.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <sys/random.h>
#include <system_error>

namespace common {

namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t id_characters = 16;

bool is_alnum(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_character(char c) noexcept
{
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

} // namespace

std::string random_base32_80()
{
    std::array<std::uint8_t, 10> bytes{};
    // At most 256 bytes are never cut short once the kernel's pool is ready.
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw std::system_error{errno, std::generic_category(), "getrandom"};
    }
    std::string text;
    text.reserve(id_characters);
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const auto byte : bytes) {
        pending = (pending << 8U) | byte;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            text += alphabet[(pending >> bits) & 31U];
        }
    }
    return text;
}

bool is_id(std::string_view text, std::string_view prefix) noexcept
{
    if (text.size() != prefix.size() + 1 + id_characters || !text.starts_with(prefix) ||
        text[prefix.size()] != '-') {
        return false;
    }
    return std::ranges::all_of(text.substr(prefix.size() + 1),
                               [](char c) { return alphabet.find(c) != std::string_view::npos; });
}

bool is_name(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= 63 && is_alnum(text.front()) && is_alnum(text.back()) &&
           text.find("..") == std::string_view::npos &&
           std::ranges::all_of(text, is_name_character);
}

Result<RequestId> parse_request_id(std::string_view text)
{
    if (text.empty() || text.size() > 128 || !std::ranges::all_of(text, is_name_character)) {
        return Error{ErrorCode::invalid_argument,
                     "X-Request-ID must be 1 to 128 of [A-Za-z0-9._-]"};
    }
    return RequestId{std::string{text}};
}

} // namespace common
