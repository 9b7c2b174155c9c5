#include "vt/picture/font.hpp"

namespace vt::picture {

namespace {

/// What is in the columns [left, right) of the lines [top, bottom).
void fill(Glyph& glyph, int left, int right, int top, int bottom)
{
    const auto line = static_cast<std::uint8_t>((0xffU >> left) & ~(0xffU >> right));
    for (int y = top; y < bottom; ++y) {
        glyph[static_cast<std::size_t>(y)] |= line;
    }
}

constexpr int half_width = glyph_width / 2;
constexpr int half_height = glyph_height / 2;

/// Bits: the quarter above on the left, that on the right, below on the left, on the right.
Glyph quarters(unsigned which)
{
    Glyph glyph{};
    for (int quarter = 0; quarter < 4; ++quarter) {
        if ((which >> quarter & 1U) != 0) {
            const int left = quarter % 2 * half_width;
            const int top = quarter / 2 * half_height;
            fill(glyph, left, left + half_width, top, top + half_height);
        }
    }
    return glyph;
}

Glyph shade(std::uint8_t even, std::uint8_t odd)
{
    Glyph glyph{};
    for (std::size_t y = 0; y < glyph.size(); ++y) {
        glyph[y] = y % 2 == 0 ? even : odd;
    }
    return glyph;
}

Glyph block(char32_t character)
{
    constexpr std::array<std::uint8_t, 10> of_quarters{4, 8, 1, 13, 9, 7, 11, 2, 6, 14};
    Glyph glyph{};
    const int number = static_cast<int>(character - 0x2580);
    if (number == 0) {
        fill(glyph, 0, glyph_width, 0, half_height);
    } else if (number <= 8) { // From below, by eighths.
        fill(glyph, 0, glyph_width, glyph_height - 2 * number, glyph_height);
    } else if (number <= 15) { // From the left, likewise, fewer and fewer.
        fill(glyph, 0, 16 - number, 0, glyph_height);
    } else if (number == 16) {
        fill(glyph, half_width, glyph_width, 0, glyph_height);
    } else if (number == 17) {
        return shade(0x88, 0x22);
    } else if (number == 18) {
        return shade(0xaa, 0x55);
    } else if (number == 19) {
        return shade(0x77, 0xdd);
    } else if (number == 20) {
        fill(glyph, 0, glyph_width, 0, 2);
    } else if (number == 21) {
        fill(glyph, glyph_width - 1, glyph_width, 0, glyph_height);
    } else {
        return quarters(of_quarters[static_cast<std::size_t>(number - 22)]);
    }
    return glyph;
}

Glyph braille(char32_t character)
{
    // Which bit a dot has, line by line.
    constexpr std::array<unsigned, 8> dots{0, 3, 1, 4, 2, 5, 6, 7};
    Glyph glyph{};
    for (int dot = 0; dot < 8; ++dot) {
        if ((character >> dots[static_cast<std::size_t>(dot)] & 1U) != 0) {
            const int left = dot % 2 * half_width + 1;
            const int top = dot / 2 * 4 + 1;
            fill(glyph, left, left + 2, top, top + 2);
        }
    }
    return glyph;
}

} // namespace

std::optional<Glyph> shape_of(char32_t character)
{
    if (character >= 0x2580 && character <= 0x259f) {
        return block(character);
    }
    if (character >= 0x2800 && character <= 0x28ff) {
        return braille(character);
    }
    if (character >= 0x23ba && character <= 0x23bd) {
        constexpr std::array<int, 4> lines{1, 4, 11, 14};
        const int y = lines[character - 0x23ba];
        Glyph glyph{};
        fill(glyph, 0, glyph_width, y, y + 1);
        return glyph;
    }
    return std::nullopt;
}

} // namespace vt::picture
