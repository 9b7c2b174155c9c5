#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace vt::picture {

inline constexpr int glyph_width = 8;
inline constexpr int glyph_height = 16;

/// A character of one column: lines from the top, of each the leftmost pixel in the highest bit.
using Glyph = std::array<std::uint8_t, glyph_height>;

/// Of the font, or drawn as a shape; nothing if nobody knows what it looks like.
std::optional<Glyph> glyph_of(char32_t character);

/// What a character and a mark that joins it are in one, if the font has that; else 0.
char32_t composed(char32_t base, char32_t mark);

/// What consoles' fonts leave out and programs draw with: block elements (U+2580..259F), Braille
/// (U+2800..28FF), and VT100's scan lines (U+23BA..23BD).
std::optional<Glyph> shape_of(char32_t character);

} // namespace vt::picture
