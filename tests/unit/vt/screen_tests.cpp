#include "vt/screen.hpp"

#include "common/utf8.hpp"
#include "vt/characters.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

using namespace vt;

namespace {

void feed_all(Screen& screen, std::string_view bytes)
{
    while (!bytes.empty()) {
        bytes.remove_prefix(screen.feed(bytes));
    }
}

Screen after(std::string_view bytes, Size size = {5, 10}, const Kept& kept = {})
{
    Screen screen{size, kept};
    feed_all(screen, bytes);
    return screen;
}

std::string shown(std::string_view bytes, Size size = {5, 10})
{
    return after(bytes, size).text(0).content;
}

} // namespace

BOOST_AUTO_TEST_SUITE(screen_tests)

BOOST_AUTO_TEST_CASE(the_cursor_moves_within_the_screen)
{
    BOOST_TEST(shown("\x1b[2;3Hx\x1b[Ay\x1b[3Bz\x1b[9Da\x1b[2Cb") == "   y\n  x\n\na  bz\n");
    BOOST_TEST(shown("\x1b[999;999Hx") == "\n\n\n\n         x\n");
    BOOST_TEST(shown("ab\x1b[999Ac\x1b[999Dd") == "dbc\n");
    BOOST_TEST(shown("a\x1b[3`b\x1b[3dc\x1b[Ed\x1b[2Fe\x1b[8Gf") == "a b\ne      f\n   c\nd\n");
    BOOST_TEST(shown("abc\r\x1b[2aX\x1b[eY") == "abX\n   Y\n");
    BOOST_TEST(shown("\x1b[3;3H\x1b[sab\x1b[uX\x1b"
                     "7\x1b[HY\x1b"
                     "8Z") == "Y\n\n  XZ\n");
}

BOOST_AUTO_TEST_CASE(what_is_erased_is_blank)
{
    const std::string filled = "abcde\r\nfghij\r\nklmno\x1b[2;3H";
    BOOST_TEST(shown(filled + "\x1b[K") == "abcde\nfg\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[1K") == "abcde\n   ij\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[2K") == "abcde\n\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[J") == "abcde\nfg\n");
    BOOST_TEST(shown(filled + "\x1b[1J") == "\n   ij\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[2J") == "");
    BOOST_TEST(shown(filled + "\x1b[2X") == "abcde\nfg  j\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b"
                              "c") == "");
}

BOOST_AUTO_TEST_CASE(characters_and_lines_are_put_in_and_taken_out)
{
    const std::string filled = "abcde\r\nfghij\r\nklmno\x1b[2;3H";
    BOOST_TEST(shown(filled + "\x1b[2@") == "abcde\nfg  hij\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[2P") == "abcde\nfgj\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[4hXY\x1b[4lZ") == "abcde\nfgXYZij\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[L") == "abcde\n\nfghij\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[M") == "abcde\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[999L") == "abcde\n");
    BOOST_TEST(shown(filled + "\x1b[S") == "fghij\nklmno\n");
    BOOST_TEST(shown(filled + "\x1b[T") == "\nabcde\nfghij\nklmno\n");
}

BOOST_AUTO_TEST_CASE(only_what_is_within_the_margins_scrolls)
{
    const std::string filled = "1\r\n2\r\n3\r\n4\r\n5\x1b[2;4r";
    BOOST_TEST(shown(filled + "\x1b[4;1H\nx") == "1\n3\n4\nx\n5\n");
    BOOST_TEST(shown(filled + "\x1b[2;1H\x1bMx") == "1\nx\n2\n3\n5\n");
    BOOST_TEST(shown(filled + "\x1b[5;1H\nx") == "1\n2\n3\n4\nx\n"); // Below them nothing does.
    BOOST_TEST(shown(filled + "\x1b[?6h\x1b[Hx\x1b[99;1Hy") == "1\nx\n3\ny\n5\n");
    BOOST_TEST(shown(filled + "\x1b[4;2rx") == "x\n2\n3\n4\n5\n"); // None, and home by the first.
    const auto screen = after(filled + "\x1b[4;1H\n\n");
    BOOST_TEST(screen.scrollback().lines().empty());
}

BOOST_AUTO_TEST_CASE(lines_wrap_only_when_something_follows)
{
    BOOST_TEST(shown("0123456789") == "0123456789\n");
    BOOST_TEST(after("0123456789").column() == 9);
    BOOST_TEST(shown("0123456789\r\nx") == "0123456789\nx\n");
    BOOST_TEST(shown("0123456789x") == "0123456789\nx\n");
    BOOST_TEST(shown("\x1b[?7l0123456789xyz") == "012345678z\n");
    BOOST_TEST(shown("0123456789\b\bX") == "0123456X89\n");
}

BOOST_AUTO_TEST_CASE(tabs_and_repetitions)
{
    BOOST_TEST(shown("a\tb", {2, 20}) == "a       b\n");
    BOOST_TEST(shown("a\t\t\t\tb", {2, 20}) == "a                  b\n");
    BOOST_TEST(shown("\x1b[3g\x1b[1;5H\x1bH\r\tx\x1b[2Zy", {2, 20}) == "y   x\n");
    BOOST_TEST(shown("x\x1b[3by") == "xxxxy\n");
    BOOST_TEST(shown("\x1b[5bx") == "x\n"); // There is nothing to repeat yet.
    BOOST_TEST(shown("\x1b(0q\x1b[2b\x1b(B q", {2, 20}) == "─── q\n");
    BOOST_TEST(shown("\x1b)0\x0eq\x0fq") == "─q\n");
    // Each moves its row: as much as a turn's work, and no more.
    const auto moved = shown("\x1b[4hx\x1b[H\x1b[65535b", {100, 300});
    BOOST_TEST(std::ranges::count(moved, 'x') > 300);
    BOOST_TEST(std::ranges::count(moved, 'x') < 1000);
}

BOOST_AUTO_TEST_CASE(what_scrolls_away_is_kept_within_bounds)
{
    auto screen = after("1\r\n2\r\n3\r\n4\r\n5\r\n6", {2, 10}, {.lines = 3});
    BOOST_TEST(screen.text(100).content == "2\n3\n4\n5\n6\n");
    BOOST_TEST(screen.text(4).content == "3\n4\n5\n6\n");
    feed_all(screen, "\x1b[3J");
    BOOST_TEST(screen.text(100).content == "5\n6\n");
    auto other = after("", {2, 100}, {.lines = 1'000'000, .bytes = 10'000});
    for (int line = 0; line < 100'000; ++line) {
        feed_all(other, "a line that is not quite so short\r\n\r\n");
    }
    BOOST_TEST(other.scrollback().bytes() <= 10'000U);
    BOOST_TEST(other.scrollback().lines().size() > 50U);
}

BOOST_AUTO_TEST_CASE(a_read_is_bounded_and_says_so)
{
    constexpr std::size_t most = 1U << 20U;
    constexpr std::uint16_t columns = 500;
    Screen screen{{2, columns}, {.lines = 10'000, .bytes = 4 * most}};
    for (int line = 0; line < 1000; ++line) {
        for (unsigned column = 0; column < columns; ++column) {
            feed_all(screen, "ä\xcc\x81");
        }
    }
    const auto text = screen.text(2000, most);
    BOOST_TEST(text.truncated);
    BOOST_TEST(text.content.size() <= most);
    BOOST_TEST(text.content.size() > most - 3000);
    BOOST_TEST(!screen.text(2).truncated);
}

BOOST_AUTO_TEST_CASE(the_other_screen_comes_and_goes)
{
    BOOST_TEST(shown("main\x1b[?1049hother") == "    other\n");
    BOOST_TEST(shown("main\x1b[?1049h\x1b[Hother\x1b[?1049l!") == "main!\n");
    BOOST_TEST(shown("main\x1b[?1049l!") == "main!\n");
    // Nothing of it is kept.
    auto screen = after("\x1b[?1049h1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\x1b[?1049l");
    BOOST_TEST(screen.scrollback().lines().empty());
}

BOOST_AUTO_TEST_CASE(another_size_cuts_or_fills)
{
    auto screen = after("0123456789abc\r\n2\r\n3", {5, 10});
    screen.resize({2, 5});
    BOOST_TEST(screen.text(0).content == "2\n3\n");
    BOOST_TEST(screen.text(9).content == "0123456789\nabc\n2\n3\n");
    feed_all(screen, "x12345y");
    BOOST_TEST(screen.text(0).content == "3x123\n45y\n");
    screen.resize({4, 12});
    feed_all(screen, " still here");
    BOOST_TEST(screen.text(0).content == "3x123\n45y still he\nre\n");
    // Where a saved cursor was is no place any more.
    auto saved = after("\x1b[5;10H\x1b"
                       "7\x1b[H");
    saved.resize({1, 1});
    feed_all(saved,
             "\x1b"
             "8xy");
    BOOST_TEST(saved.text(0).content == "y\n");
}

BOOST_AUTO_TEST_CASE(wide_characters_are_never_half)
{
    BOOST_TEST(shown("日本\rx") == "x 本\n");
    BOOST_TEST(shown("日本\x1b[2Gx") == " x本\n");
    BOOST_TEST(shown("日本\x1b[2G日") == " 日\n");
    BOOST_TEST(shown("a日\x1b[2G\x1b[P") == "a\n");
    BOOST_TEST(shown("123456789日") == "123456789\n日\n");
    BOOST_TEST(shown("12345678日x") == "12345678日\nx\n");
    BOOST_TEST(shown("日x", {3, 1}) == "\xef\xbf\xbd\nx\n");
    BOOST_TEST(shown("123456789\x1b[?7l日") == "12345678日\n");
    auto cut = after("1234日");
    cut.resize({5, 5});
    BOOST_TEST(cut.text(0).content == "1234\n");
}

BOOST_AUTO_TEST_CASE(joining_characters_join_what_is_before_them)
{
    BOOST_TEST(shown("e\xcc\x81x") == "e\xcc\x81x\n");
    BOOST_TEST(shown("\xcc\x81x") == "x\n"); // There is nothing before it.
    BOOST_TEST(shown("日\xcc\x81x") == "日\xcc\x81x\n");
    BOOST_TEST(shown("0123456789\xcc\x81") == "0123456789\xcc\x81\n");
    std::string many = "a";
    for (int count = 0; count < 1000; ++count) {
        many += "\xcc\x81";
    }
    BOOST_TEST(shown(many + "b") == "a\xcc\x81\xcc\x81"
                                    "b\n");
}

BOOST_AUTO_TEST_CASE(characters_have_the_width_that_terminals_give_them)
{
    BOOST_TEST(width_of(U'a') == 1);
    BOOST_TEST(width_of(U'ä') == 1);
    BOOST_TEST(width_of(U'\u0301') == 0);
    BOOST_TEST(width_of(U'\u200d') == 0);
    BOOST_TEST(width_of(U'\ufe0f') == 0);
    BOOST_TEST(width_of(U'日') == 2);
    BOOST_TEST(width_of(U'한') == 2);
    BOOST_TEST(width_of(U'🙂') == 2);
    BOOST_TEST(width_of(U'─') == 1);
    BOOST_TEST(width_of(U'\u00ad') == 1);
    BOOST_TEST(width_of(U'\u0085') == -1);
    BOOST_TEST(width_of(U'\x07') == -1);
    BOOST_TEST(width_of(0xd800) == -1);
    BOOST_TEST(width_of(0x110000) == -1);
}

BOOST_AUTO_TEST_CASE(what_is_no_utf_8_is_shown_as_that)
{
    const std::string bad = "\xef\xbf\xbd";
    BOOST_TEST(shown("a\xff"
                     "b") == "a" + bad + "b\n");
    BOOST_TEST(shown("a\xe6\x97"
                     "b") == "a" + bad + "b\n"); // Cut short.
    BOOST_TEST(shown("a\xe0\x80\x80"
                     "b") == "a" + bad + "b\n"); // Overlong.
    BOOST_TEST(shown("a\xed\xa0\x80"
                     "b") == "a" + bad + "b\n"); // A surrogate.
    BOOST_TEST(shown("a\xf4\x90\x80\x80"
                     "b") == "a" + bad + "b\n"); // Beyond the last.
    BOOST_TEST(shown("a\xe6\x97\x1b[Cb") == "a" + bad + " b\n");
}

BOOST_AUTO_TEST_CASE(strings_are_read_over_and_titles_kept)
{
    BOOST_TEST(after("\x1b]2;A title\x07").title() == "A title");
    BOOST_TEST(after("\x1b]0;ä\x1b\\").title() == "ä");
    BOOST_TEST(after("\x1b]2;" + std::string(100'000, 'x') + "\x07").title().size() <= 260U);
    BOOST_TEST(shown("a\x1b]52;c;Zm9v\x07"
                     "b\x1bP1$q\x1b\\c\x1b_x\x1b\\d\x1b^y\x1b\\e") == "abcde\n");
    BOOST_TEST(shown("a\x1b]2;no end\x18"
                     "b") == "ab\n");
    BOOST_TEST(shown("a\x1b[31;42;1;38;5;7;48;2;1;2;3mb\x1b[0mc") == "abc\n");
    BOOST_TEST(shown("a\x1b[?2004hb\x1b[>4;1mc\x1b[=1ud\x1b[ qe\x1b[!pf") == "abcdef\n");
    BOOST_TEST(shown("a\x1b[1\nCb") == "a\n  b\n"); // A control in the middle acts.
}

BOOST_AUTO_TEST_CASE(sequences_without_measure_do_no_harm)
{
    const std::string semicolons(100'000, ';');
    BOOST_TEST(shown("a\x1b[" + semicolons + "mb") == "ab\n");
    BOOST_TEST(shown("a\x1b[" + std::string(100'000, '9') + "Cb") == "a        b\n");
    BOOST_TEST(shown("a\x1b[" + std::string(100'000, '?') + "hb") == "ab\n");
    BOOST_TEST(shown("a\x1b[" + std::string(100'000, ' ') + "qb") == "ab\n");
    BOOST_TEST(shown("a\x1b" + std::string(100'000, '(') + "Bb") == "ab\n");
}

BOOST_AUTO_TEST_CASE(what_a_program_asks_is_answered_within_bounds)
{
    auto screen = after("\x1b[2;3H\x1b[6n\x1b[c\x1b[5n\x1b[>c");
    BOOST_TEST(screen.take_replies() == "\x1b[2;3R\x1b[?1;2c\x1b[0n\x1b[>0;10;0c");
    BOOST_TEST(screen.take_replies() == "");
    for (int count = 0; count < 100'000; ++count) {
        feed_all(screen, "\x1b[c");
    }
    BOOST_TEST(screen.take_replies().size() <= 1024U);
}

BOOST_AUTO_TEST_CASE(a_few_bytes_buy_only_so_much_work)
{
    for (const std::string costly : {"\x1b[2J",
                                     "\x1b[9999S",
                                     "\x1b#8",
                                     "\x1b[9999L",
                                     "x\x1b[9999b",
                                     "\x1b[?1049h\x1b[?1049l"}) {
        Screen screen{{200, 500}, {}};
        std::string bytes;
        for (int count = 0; count < 1000; ++count) {
            bytes += costly;
        }
        const auto taken = screen.feed(bytes);
        BOOST_TEST(taken > 0U);
        BOOST_TEST(taken < bytes.size() / 4, "'" << costly.substr(1) << "' took " << taken);
    }
    // What is printed is not held up.
    Screen screen{{24, 80}, {}};
    BOOST_TEST(screen.feed(std::string(16384, 'x')) == 16384U);
}

BOOST_AUTO_TEST_CASE(a_redraw_shows_the_same_to_somebody_who_comes_later)
{
    const std::string bytes =
        "\x1b[1;31mred\x1b[0m 日e\xcc\x81\r\n\x1b[48;2;9;8;7mback\x1b[K\x1b[0m\x1b[4;2Hx";
    const auto screen = after(bytes);
    const auto drawn = screen.redraw();
    BOOST_TEST(drawn.find("\x1b[0;1;38;5;1mred") != std::string::npos);
    BOOST_TEST(drawn.find(";48;2;9;8;7m") != std::string::npos);
    auto other = after("anything\x1b[?1049h\x1b[2;3r\x1b[?6h" + drawn);
    BOOST_TEST(other.text(0).content == screen.text(0).content);
    BOOST_TEST(other.row() == screen.row());
    BOOST_TEST(other.column() == screen.column());
    BOOST_TEST(other.redraw() == drawn);
    auto both = after(bytes + "\x1b[?1049h\x1b[Hover");
    auto later = after(both.redraw());
    BOOST_TEST(later.text(0).content == "over\n");
    feed_all(later, "\x1b[?1049l");
    BOOST_TEST(later.text(0).content == screen.text(0).content);
}

BOOST_AUTO_TEST_CASE(any_bytes_cut_anywhere_are_survived_alike)
{
    const auto seed = std::random_device{}();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random{seed};
    const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const std::string finals = "@ABCDEFGHIJKLMPSTXZ`abcdefghlmnprsu";
    const std::vector<std::string> pieces{"日",
                                          "e\xcc\x81",
                                          "\r\n",
                                          "\t",
                                          "\b",
                                          "\x1b(0",
                                          "\x1b"
                                          "7",
                                          "\x1b"
                                          "8",
                                          "\x1bM",
                                          "\x1b[?1049h",
                                          "\x1b[?1049l",
                                          "\x1b[?6h",
                                          "\x1b[?6l",
                                          "\x1b[?7l",
                                          "\x1b[4h",
                                          "\x1b#8",
                                          "\x1b"
                                          "c",
                                          "\xff",
                                          "🙂",
                                          "0123456789"};
    for (int round = 0; round < 60; ++round) {
        const Size size{static_cast<std::uint16_t>(1 + below(12)),
                        static_cast<std::uint16_t>(1 + below(12))};
        Screen whole{size, {}};
        Screen cut{size, {}};
        for (int step = 0; step < 300; ++step) {
            std::string bytes;
            switch (below(4)) {
            case 0: bytes = pieces[below(static_cast<unsigned>(pieces.size()))]; break;
            case 1:
                bytes = "\x1b[" + std::to_string(below(20)) + ";" + std::to_string(below(20)) +
                        finals[below(static_cast<unsigned>(finals.size()))];
                break;
            case 2: bytes = std::string(1 + below(5), static_cast<char>(below(256))); break;
            default: bytes = "text "; break;
            }
            feed_all(whole, bytes);
            for (const char byte : bytes) {
                feed_all(cut, {&byte, 1});
            }
            if (below(50) == 0) {
                const Size other{static_cast<std::uint16_t>(1 + below(12)),
                                 static_cast<std::uint16_t>(1 + below(12))};
                whole.resize(other);
                cut.resize(other);
            }
            BOOST_REQUIRE(whole.row() < whole.size().rows);
            BOOST_REQUIRE(whole.column() < whole.size().columns);
        }
        const auto text = whole.text(2000).content;
        BOOST_REQUIRE(common::is_utf8(text));
        BOOST_REQUIRE_EQUAL(text, cut.text(2000).content);
        // Whatever was written, what is drawn of it makes a terminal do nothing but draw.
        for (int row = 0; row < whole.size().rows; ++row) {
            auto drawn = whole.part_of_row(row, 0, whole.size().columns);
            for (auto at = drawn.find("\x1b["); at != std::string::npos; at = drawn.find("\x1b[")) {
                const auto end = drawn.find_first_not_of("0123456789;", at + 2);
                BOOST_REQUIRE_EQUAL(drawn.at(end), 'm');
                drawn.erase(at, end + 1 - at);
            }
            BOOST_REQUIRE(common::is_utf8(drawn));
            BOOST_REQUIRE(
                std::ranges::none_of(drawn, [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
            BOOST_REQUIRE(drawn.find("\xc2\x80") == std::string::npos &&
                          drawn.find("\xc2\x9b") == std::string::npos);
        }
        Screen later{whole.size(), {}};
        feed_all(later, whole.redraw());
        BOOST_REQUIRE_EQUAL(later.text(0).content, whole.text(0).content);
    }
}

BOOST_AUTO_TEST_SUITE_END()
