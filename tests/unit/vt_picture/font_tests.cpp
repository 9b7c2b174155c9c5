#include "decoded.hpp"

#include "vt/characters.hpp"

#include <bit>

namespace vt::picture {

BOOST_AUTO_TEST_SUITE(vt_picture_font_tests)

BOOST_AUTO_TEST_CASE(it_has_what_programs_write)
{
    for (char32_t character = U' '; character <= U'~'; ++character) {
        BOOST_TEST(glyph_of(character).has_value());
        BOOST_TEST((glyph(character) == blank) == (character == U' '));
    }
    for (const char32_t character : U"`afgjklmnopqrstuvwxyz{|}~") { // VT100's set for drawing.
        BOOST_TEST((character == 0 || glyph_of(drawn_as(character)).has_value()));
    }
    for (const auto& [first, last] : {std::pair{0xa0U, 0xffU},
                                      {0x410U, 0x44fU},
                                      {0x2500U, 0x259fU},
                                      {0x2800U, 0x28ffU},
                                      {0xfffdU, 0xfffdU}}) {
        for (char32_t character = first; character <= last; ++character) {
            BOOST_TEST(glyph_of(character).has_value(), "no " << std::uint32_t{character});
        }
    }
    for (const char32_t character : {U'\0', U'\x7f', U'日', U'\U0001f600', U'\U0010ffff'}) {
        BOOST_TEST(!glyph_of(character).has_value());
    }
}

BOOST_AUTO_TEST_CASE(shapes_fill_what_they_say)
{
    const auto dots = [](char32_t character) {
        int count = 0;
        for (const auto line : glyph(character)) {
            count += std::popcount(line);
        }
        return count;
    };
    BOOST_TEST(dots(U'█') == 128);
    BOOST_TEST(dots(U'▀') == 64);
    BOOST_TEST(dots(U'▁') == 16);
    BOOST_TEST(dots(U'▇') == 112);
    BOOST_TEST(dots(U'▉') == 112);
    BOOST_TEST(dots(U'▏') == 16);
    BOOST_TEST(dots(U'▐') == 64);
    BOOST_TEST(dots(U'▖') == 32);
    BOOST_TEST(dots(U'▟') == 96);
    BOOST_TEST(dots(U'▒') == 64);
    BOOST_TEST(dots(U'⠀') == 0);
    BOOST_TEST(dots(U'⣿') == 32);
    BOOST_TEST(glyph(U'▌')[0] == 0xf0);
    BOOST_TEST(glyph(U'▔')[0] == 0xff);
    BOOST_TEST(glyph(U'▔')[2] == 0);
    BOOST_TEST(glyph(U'⠈')[1] == 0b0000'0110); // Dot 4: above, on the right.
}

BOOST_AUTO_TEST_CASE(a_mark_is_composed_where_the_font_has_both_in_one)
{
    BOOST_TEST((composed(U'A', U'\u0300') == U'À'));
    BOOST_TEST((composed(U'и', U'\u0306') == U'й'));
    BOOST_TEST((composed(U'A', U'\u0338') == U'\0'));
    BOOST_TEST((composed(U'\0', U'\u0300') == U'\0'));
    BOOST_TEST((composed(U'\U0010ffff', U'\U0010ffff') == U'\0'));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace vt::picture
