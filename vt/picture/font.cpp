#include "vt/picture/font_data.hpp"

#include <algorithm>
#include <tuple>

namespace vt::picture {

std::optional<Glyph> glyph_of(char32_t character)
{
    if (character == U'◆') {
        character = U'♦'; // VT100's diamond, which the font has among cards.
    }
    const auto* const end = font_characters.data() + font_characters.size();
    const auto* const at = std::lower_bound(
        font_characters.data(), end, character, [](const FontCharacter& known, char32_t wanted) {
            return known.character < wanted;
        });
    if (at != end && at->character == character) {
        return font_glyphs[at->glyph];
    }
    return shape_of(character);
}

char32_t composed(char32_t base, char32_t mark)
{
    const auto pair = [](const FontComposition& known) {
        return std::tuple{known.base, known.mark};
    };
    const auto at = std::ranges::lower_bound(
        font_compositions, std::tuple{base, mark}, std::ranges::less{}, pair);
    return at != font_compositions.end() && pair(*at) == std::tuple{base, mark} ? at->character : 0;
}

} // namespace vt::picture
