#include "decoded.hpp"

namespace vt::picture {

namespace {

constexpr Rgb red{0xcd, 0, 0};
constexpr Rgb bright_red{0xff, 0, 0};
constexpr Rgb black{0, 0, 0};

Glyph bolder(Glyph glyph)
{
    for (auto& line : glyph) {
        line = static_cast<std::uint8_t>(line | line >> 1U);
    }
    return glyph;
}

Glyph with_line(Glyph glyph, std::size_t line)
{
    glyph[line] = 0xff;
    return glyph;
}

} // namespace

BOOST_AUTO_TEST_SUITE(vt_picture_drawing_tests)

BOOST_AUTO_TEST_CASE(text_is_where_it_was_written)
{
    const auto shown = picture("Az\r\n\x1b[5;20Hq\x1b[2;3Hé");
    BOOST_TEST(shown.width == 160);
    BOOST_TEST(shown.height == 80);
    BOOST_TEST(shown.shows(0, 0, glyph(U'A'), usual));
    BOOST_TEST(shown.shows(0, 1, glyph(U'z'), usual));
    BOOST_TEST(shown.shows(0, 2, blank, usual));
    BOOST_TEST(shown.shows(4, 19, glyph(U'q'), usual));
    BOOST_TEST(shown.shows(1, 2, glyph(U'é'), usual));
    BOOST_TEST(!shown.shows(1, 2, glyph(U'e'), usual));
}

BOOST_AUTO_TEST_CASE(colours_are_those_of_xterm)
{
    const auto shown = picture("\x1b[31ma\x1b[91mb\x1b[0;44mc\x1b[0;38;5;196md\x1b[38;5;244me"
                               "\x1b[38;2;1;2;3;48;2;250;251;252mf\x1b[0mg");
    BOOST_TEST(shown.shows(0, 0, glyph(U'a'), {red, black}));
    BOOST_TEST(shown.shows(0, 1, glyph(U'b'), {bright_red, black}));
    BOOST_TEST(shown.shows(0, 2, glyph(U'c'), {usual_foreground, {0, 0, 0xee}}));
    BOOST_TEST(shown.shows(0, 3, glyph(U'd'), {{255, 0, 0}, black}));
    BOOST_TEST(shown.shows(0, 4, glyph(U'e'), {{128, 128, 128}, black}));
    BOOST_TEST(shown.shows(0, 5, glyph(U'f'), {{1, 2, 3}, {250, 251, 252}}));
    BOOST_TEST(shown.shows(0, 6, glyph(U'g'), usual));
    // What is blanked has the background that it was blanked in, to the end of the line.
    const auto blanked = picture("\x1b[41m\x1b[K\x1b[2;1H");
    BOOST_TEST(blanked.shows(0, 19, blank, {black, red}));
}

BOOST_AUTO_TEST_CASE(every_look_is_seen)
{
    const auto shown = picture("\x1b[1ma\x1b[31mb\x1b[0;7mc\x1b[0;4md\x1b[0;9me\x1b[0;2mf"
                               "\x1b[0;8mg\x1b[0;7;4mh\x1b[0;1;38;5;9mi");
    BOOST_TEST(shown.shows(0, 0, bolder(glyph(U'a')), usual));
    BOOST_TEST(shown.shows(0, 1, bolder(glyph(U'b')), {bright_red, black}));
    BOOST_TEST(shown.shows(0, 2, glyph(U'c'), exchanged));
    BOOST_TEST(shown.shows(0, 3, with_line(glyph(U'd'), 14), usual));
    BOOST_TEST(shown.shows(0, 4, with_line(glyph(U'e'), 8), usual));
    BOOST_TEST(shown.shows(0, 5, glyph(U'f'), {{0x72, 0x72, 0x72}, black}));
    BOOST_TEST(shown.shows(0, 6, blank, usual));
    BOOST_TEST(shown.shows(0, 7, with_line(glyph(U'h'), 14), exchanged));
    BOOST_TEST(shown.shows(0, 8, bolder(glyph(U'i')), {bright_red, black}));
}

BOOST_AUTO_TEST_CASE(the_cursor_is_seen_unless_it_is_hidden)
{
    BOOST_TEST(picture("ab").shows(0, 2, blank, exchanged));
    BOOST_TEST(picture("ab\r").shows(0, 0, glyph(U'a'), exchanged));
    BOOST_TEST(picture("ab\r\x1b[?25l").shows(0, 0, glyph(U'a'), usual));
    BOOST_TEST(picture("\x1b[7mab\r").shows(0, 0, glyph(U'a'), usual));
    // On what cannot be seen, too.
    BOOST_TEST(picture("\x1b[8ma\r").shows(0, 0, blank, exchanged));
    const auto* const light = "\x1b[38;2;229;229;229;48;2;229;229;229ma\r";
    BOOST_TEST(picture(light).shows(0, 0, blank, usual));
    // Behind the last column it stands on it.
    BOOST_TEST(picture(std::string(20, 'x')).shows(0, 19, glyph(U'x'), exchanged));
    // On either half of a wide one it is on all of it.
    for (const auto* said : {"\uff21\x1b[1;1H", "\uff21\x1b[1;2H"}) {
        const auto shown = picture(said);
        BOOST_TEST((shown.at(0, 0) == usual_foreground && shown.at(15, 0) == usual_foreground));
        BOOST_TEST((shown.at(16, 0) == usual_background));
    }
}

BOOST_AUTO_TEST_CASE(wide_characters_have_two_columns)
{
    const auto shown = picture("\uff21b日c\u3000d");
    Glyph left{};
    Glyph right{};
    for (std::size_t y = 0; y < left.size(); ++y) {
        for (unsigned bit = 0; bit < 4; ++bit) {
            const unsigned line = glyph(U'A')[y];
            left[y] |= static_cast<std::uint8_t>((line >> (4 + bit) & 1U) * (3U << 2 * bit));
            right[y] |= static_cast<std::uint8_t>((line >> bit & 1U) * (3U << 2 * bit));
        }
    }
    BOOST_TEST(shown.shows(0, 0, left, usual));
    BOOST_TEST(shown.shows(0, 1, right, usual));
    BOOST_TEST(shown.shows(0, 2, glyph(U'b'), usual));
    BOOST_TEST(shown.shows(0, 5, glyph(U'c'), usual));
    BOOST_TEST(shown.shows(0, 6, blank, usual));
    BOOST_TEST(shown.shows(0, 7, blank, usual));
    BOOST_TEST(shown.shows(0, 8, glyph(U'd'), usual));
    // The font has no 日: a box of two columns, empty inside.
    BOOST_TEST((shown.at(25, 2) == usual_foreground && shown.at(38, 12) == usual_foreground));
    BOOST_TEST((shown.at(31, 7) == usual_background && shown.at(39, 7) == usual_background));
}

BOOST_AUTO_TEST_CASE(what_the_font_does_not_have_is_a_box)
{
    const auto shown = picture("\u1234\u1235x");
    Glyph box{};
    box[2] = box[12] = 0b0111'1110;
    for (std::size_t y = 3; y < 12; ++y) {
        box[y] = 0b0100'0010;
    }
    BOOST_TEST(shown.shows(0, 0, box, usual));
    BOOST_TEST(shown.shows(0, 1, box, usual));
    BOOST_TEST(shown.shows(0, 2, glyph(U'x'), usual));
}

BOOST_AUTO_TEST_CASE(marks_join_what_they_follow)
{
    const auto shown = picture("e\u0301x\u20d0y\u0308z");
    BOOST_TEST(shown.shows(0, 0, glyph(U'é'), usual));
    BOOST_TEST(shown.shows(0, 1, glyph(U'x'), usual)); // Nothing has it in one.
    BOOST_TEST(shown.shows(0, 2, glyph(U'ÿ'), usual));
    BOOST_TEST(shown.shows(0, 3, glyph(U'z'), usual));
}

BOOST_AUTO_TEST_CASE(programs_that_draw_are_seen)
{
    const auto shown = picture("\x1b(0lqk\x1b(B\x1b[2;1H▄█⠁");
    BOOST_TEST(shown.shows(0, 0, glyph(U'┌'), usual));
    BOOST_TEST(shown.shows(0, 1, glyph(U'─'), usual));
    BOOST_TEST((shown.at(0, 23) == usual_background && shown.at(0, 24) == usual_foreground));
    BOOST_TEST((shown.at(8, 16) == usual_foreground && shown.at(17, 17) == usual_foreground));
    // The screen that a program has for itself is the one that is seen, until it leaves it.
    BOOST_TEST(picture("shell\x1b[?1049h\x1b[Hvi").shows(0, 0, glyph(U'v'), usual));
    BOOST_TEST(picture("shell\x1b[?1049h\x1b[Hvi\x1b[?1049l").shows(0, 0, glyph(U's'), usual));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace vt::picture
