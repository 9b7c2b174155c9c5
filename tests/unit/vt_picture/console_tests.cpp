#include "decoded.hpp"

#include <algorithm>
#include <random>

namespace vt::picture {

namespace {

constexpr std::size_t longest = std::size_t{256} << 10U; ///< That a host gives of a console.

std::string repeated(std::string_view piece)
{
    std::string bytes;
    while (bytes.size() + piece.size() <= longest) {
        bytes += piece;
    }
    return bytes;
}

std::string shown_after(std::string_view said, Size size)
{
    return terminal_after(said, size).text(0).content;
}

} // namespace

BOOST_AUTO_TEST_SUITE(vt_picture_console_tests)

BOOST_AUTO_TEST_CASE(an_empty_console_is_an_empty_screen)
{
    const auto shown = picture("", {25, 80});
    BOOST_TEST(shown.width == 640);
    BOOST_TEST(shown.height == 400);
    BOOST_TEST(shown.shows(0, 0, blank, exchanged)); // The cursor.
    for (int row = 0; row < 25; ++row) {
        for (int column = row == 0 ? 1 : 0; column < 80; ++column) {
            BOOST_REQUIRE(shown.shows(row, column, blank, usual));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_end_of_a_long_console_is_seen)
{
    std::string said;
    for (int line = 0; said.size() < longest; ++line) {
        said += "line " + std::to_string(line) + "\r\n";
    }
    said += "last";
    const auto text = shown_after(said, {25, 80});
    BOOST_TEST(text.ends_with("\nlast\n"));
    BOOST_TEST(std::ranges::count(text, '\n') == 25);
    BOOST_TEST(text == shown_after(said.substr(said.size() - 4096), {25, 80}));
}

BOOST_AUTO_TEST_CASE(what_was_cut_begins_with_a_line_or_a_sequence)
{
    BOOST_TEST(from_a_beginning("1;31mrest\r\nline\r\n") == "line\r\n");
    BOOST_TEST(from_a_beginning("1;31mrest\x1b[1mx\n") == "\x1b[1mx\n");
    BOOST_TEST(from_a_beginning("line\n") == "");
    BOOST_TEST(from_a_beginning("text") == "text");
    BOOST_TEST(from_a_beginning("") == "");
    const auto far = std::string(2000, 'x') + "\ny";
    BOOST_TEST(from_a_beginning(far) == far);
}

BOOST_AUTO_TEST_CASE(bytes_that_ask_for_too_much_are_read_from_further_on)
{
    const std::string first = "\x1b]2;first\x07";
    const std::string last = "\x1b[!p\x1b[H\x1b[2J\x1b[2;1Hend";
    for (const std::string costly : {"\x1b#8",
                                     "\x1b[2J",
                                     "x\x1b[65535b",
                                     "\x1b[4hx\x1b[H\x1b[65535b",
                                     "\x1b[?1049h\x1b[?1049l",
                                     "\x1b[99S",
                                     "\n"}) {
        const auto screen = terminal_after(first + repeated(costly) + last, {100, 300});
        BOOST_TEST(screen.title() == "");
        BOOST_TEST(screen.row() < 100);
    }
    // What programs write is all read, and what is costly is left behind with what was before it.
    const auto screen = terminal_after(first + repeated("text\r"), {25, 80});
    BOOST_TEST(screen.title() == "first");
    BOOST_TEST(shown_after(repeated("\x1b#8") + std::string(longest, ' ') + last, {100, 300}) ==
               "\nend\n");
}

BOOST_AUTO_TEST_CASE(any_bytes_give_a_picture_of_the_size_that_was_asked_for)
{
    const auto seed = std::random_device{}();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 chance{seed};
    constexpr std::string_view parts = "\x1b[;?0123456789mHJKhlbLMPSTXr@ \xe6\x97\xa5\xcc\x81#8c(0";
    for (int round = 0; round < 40; ++round) {
        const Size size{static_cast<std::uint16_t>(5 + chance() % 96),
                        static_cast<std::uint16_t>(20 + chance() % 281)};
        std::string said(chance() % 20'000, '\0');
        for (auto& byte : said) {
            byte = round % 2 == 0 ? static_cast<char>(chance()) : parts[chance() % parts.size()];
        }
        const auto shown = picture(said, size);
        BOOST_TEST(shown.width == size.columns * glyph_width, "seed " << seed);
        BOOST_TEST(shown.height == size.rows * glyph_height, "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(the_largest_picture_stays_small)
{
    std::mt19937 chance{7};
    std::string said;
    while (said.size() < longest) { // The most colours that so many bytes can ask for.
        said += "\x1b[38;5;" + std::to_string(chance() % 256) + "m" +
                static_cast<char>('!' + chance() % 90);
    }
    const auto png = picture_of(terminal_after(said, {100, 300}));
    BOOST_REQUIRE(png);
    BOOST_TEST(png->size() < (std::size_t{2} << 20U));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace vt::picture
