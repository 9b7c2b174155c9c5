#include "common/utf8.hpp"

#include <array>

namespace common {

std::size_t utf8_sequence(std::string_view text) noexcept
{
    struct Lead {
        unsigned first, last, low, high;
        std::size_t length;
    };
    static constexpr std::array<Lead, 9> leads{{{0x00, 0x7F, 0, 0, 1},
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
        if (text.empty() || byte(0) < lead.first || byte(0) > lead.last) {
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

bool is_utf8(std::string_view text) noexcept
{
    while (!text.empty()) {
        const auto length = utf8_sequence(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

std::string_view utf8_front(std::string_view text, std::size_t most) noexcept
{
    constexpr unsigned char mark = 0xC0;
    constexpr unsigned char inside = 0x80;
    if (text.size() <= most) {
        return text;
    }
    auto end = most;
    while (end > 0 && most - end < 3 && (static_cast<unsigned char>(text[end]) & mark) == inside) {
        --end;
    }
    return text.substr(0, end);
}

} // namespace common
