#include "vt/characters.hpp"

#include "common/utf8.hpp"
#include "vt/width_table.hpp"

#include <algorithm>

namespace vt {

namespace {

/// From '`' to '~': what VT100's line drawing has instead.
constexpr std::array<char32_t, 31> drawing_table{
    U'◆', U'▒', U'␉', U'␌', U'␍', U'␊', U'°', U'±', U'␤', U'␋', U'┘', U'┐', U'┌', U'└', U'┼', U'⎺',
    U'⎻', U'─', U'⎼', U'⎽', U'├', U'┤', U'┴', U'┬', U'│', U'≤', U'≥', U'π', U'≠', U'£', U'·'};

template <std::size_t count>
bool holds(const std::array<Range, count>& table, char32_t character) noexcept
{
    const auto* const after = std::upper_bound(
        table.begin(), table.end(), character, [](char32_t value, const Range& range) {
            return value < range.first;
        });
    return after != table.begin() && character <= (after - 1)->last;
}

} // namespace

int width_of(char32_t character) noexcept
{
    if (character < 0x20 || (character >= 0x7f && character < 0xa0) || character > 0x10ffff ||
        (character >= 0xd800 && character < 0xe000)) {
        return -1;
    }
    if (character < marks.front().first) {
        return 1; // Nearly all there is.
    }
    if (holds(marks, character)) {
        return 0;
    }
    return holds(wide, character) ? 2 : 1;
}

void append_utf8(std::string& text, char32_t character)
{
    const auto tail = [&](int shift) {
        text += static_cast<char>(0x80U | ((character >> static_cast<unsigned>(shift)) & 0x3fU));
    };
    if (character < 0x80) {
        text += static_cast<char>(character);
    } else if (character < 0x800) {
        text += static_cast<char>(0xc0U | (character >> 6U));
        tail(0);
    } else if (character < 0x10000) {
        text += static_cast<char>(0xe0U | (character >> 12U));
        tail(6);
        tail(0);
    } else {
        text += static_cast<char>(0xf0U | (character >> 18U));
        tail(12);
        tail(6);
        tail(0);
    }
}

char32_t drawn_as(char32_t character) noexcept
{
    return character >= U'`' && character <= U'~' ? drawing_table[character - U'`'] : character;
}

std::string as_utf8(std::string_view bytes)
{
    std::string text;
    while (!bytes.empty()) {
        const auto size = common::utf8_sequence(bytes);
        if (size == 0) {
            text += "\xef\xbf\xbd";
            bytes.remove_prefix(1);
        } else {
            text += bytes.substr(0, size);
            bytes.remove_prefix(size);
        }
    }
    return text;
}

} // namespace vt
