#include "vt/picture/drawing.hpp"

#include "vt/picture/colours.hpp"

#include <algorithm>

namespace vt::picture {

namespace {

/// A character of one column or two: as a Glyph, its leftmost pixel in the highest bit.
using Mask = std::array<std::uint16_t, glyph_height>;

constexpr std::size_t struck_line = 8;
constexpr std::size_t underline = 14;
constexpr char32_t wide_space = U'\u3000';

/// What is drawn of a line of a character of one column, or of two.
std::uint16_t all_of(int width)
{
    return width == 2 ? 0xffff : 0xff00;
}

/// One of full width that is a wider one of ASCII.
char32_t without_width(char32_t character)
{
    const bool is_full = character >= U'\uff01' && character <= U'\uff5e';
    return is_full ? character - U'\uff01' + U'!' : character;
}

/// A pixel smaller than its place at either side.
Mask box(int width)
{
    constexpr std::size_t top = 2;
    constexpr std::size_t bottom = 12;
    const unsigned all = all_of(width);
    const unsigned inside = all & all >> 1U & all << 1U;
    const unsigned sides = inside & ~(inside >> 1U & inside << 1U);
    Mask mask{};
    mask[top] = mask[bottom] = static_cast<std::uint16_t>(inside);
    std::fill(mask.begin() + top + 1, mask.begin() + bottom, static_cast<std::uint16_t>(sides));
    return mask;
}

/// Twice as wide.
std::uint16_t stretched(std::uint8_t line)
{
    unsigned wide = 0;
    for (unsigned bit = 0; bit < glyph_width; ++bit) {
        wide |= (line >> bit & 1U) * (3U << (2 * bit));
    }
    return static_cast<std::uint16_t>(wide);
}

Mask mask_of(char32_t character, int width)
{
    if (character == 0 || character == wide_space) {
        return {};
    }
    const auto glyph = glyph_of(width == 2 ? without_width(character) : character);
    if (!glyph) {
        return box(width);
    }
    Mask mask{};
    std::ranges::transform(*glyph, mask.begin(), [width](std::uint8_t line) {
        return width == 2 ? stretched(line) : static_cast<std::uint16_t>(line << glyph_width);
    });
    return mask;
}

Mask mask_of(const Cell& cell, int width)
{
    auto character = cell.character;
    for (const char32_t mark : cell.marks) {
        const auto both = mark == 0 ? 0 : composed(character, mark);
        character = both == 0 ? character : both; // What the font does not have is left out.
    }
    auto mask = mask_of(character, width);
    if ((cell.style.attributes & Style::bold) != 0) {
        for (auto& line : mask) {
            line = static_cast<std::uint16_t>((line | line >> 1U) & all_of(width));
        }
    }
    if ((cell.style.attributes & Style::underlined) != 0) {
        mask[underline] = all_of(width);
    }
    if ((cell.style.attributes & Style::struck) != 0) {
        mask[struck_line] = all_of(width);
    }
    return mask;
}

/// Whether a cell is drawn by the one on its left.
bool is_second_half(const Grid& grid, int row, int column)
{
    return grid.at(row, column).width == 0 && column > 0 && grid.at(row, column - 1).width == 2;
}

/// Where the cursor begins in this row; -1 if it is not there.
int cursor_in(const Screen& screen, int row)
{
    if (!screen.cursor_shown() || screen.row() != row) {
        return -1;
    }
    const int column = screen.column();
    return is_second_half(screen.shown(), row, column) ? column - 1 : column;
}

void paint(std::uint8_t* line, std::uint16_t mask, int pixels, const Colours& colours)
{
    for (int x = 0; x < pixels; ++x) {
        const bool is_set = (mask >> (15 - x) & 1) != 0;
        const auto& colour = is_set ? colours.foreground : colours.background;
        *line++ = colour.red;
        *line++ = colour.green;
        *line++ = colour.blue;
    }
}

} // namespace

std::vector<std::uint8_t> pixels_of_row(const Screen& screen, int row)
{
    constexpr std::size_t cell_bytes = std::size_t{3} * glyph_width;
    const auto& grid = screen.shown();
    const auto line_bytes = cell_bytes * static_cast<std::size_t>(grid.columns());
    std::vector<std::uint8_t> pixels(line_bytes * glyph_height);
    const int cursor = cursor_in(screen, row);
    for (int column = 0; column < grid.columns(); ++column) {
        if (is_second_half(grid, row, column)) {
            continue;
        }
        const auto& cell = grid.at(row, column);
        const int width = cell.width == 2 && column + 1 < grid.columns() ? 2 : 1;
        const auto mask = mask_of(cell, width);
        auto colours = colours_of(cell.style);
        if (column == cursor) {
            colours = under_cursor(colours);
        }
        auto* at = pixels.data() + cell_bytes * static_cast<std::size_t>(column);
        for (const auto line : mask) {
            paint(at, line, width * glyph_width, colours);
            at += line_bytes;
        }
    }
    return pixels;
}

} // namespace vt::picture
