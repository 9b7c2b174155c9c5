#pragma once

#include "vt/picture/font.hpp"

#include <span>

// What make_font.py makes of a console's font.
namespace vt::picture {

struct FontCharacter {
    char32_t character;
    std::uint16_t glyph;
};

struct FontComposition {
    char32_t base;
    char32_t mark;
    char32_t character;
};

extern const std::span<const Glyph> font_glyphs;
extern const std::span<const FontCharacter> font_characters;     ///< Sorted.
extern const std::span<const FontComposition> font_compositions; ///< Sorted by base and mark.

} // namespace vt::picture
