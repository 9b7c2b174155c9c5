#include "vt/screen.hpp"

#include <boost/test/unit_test.hpp>

using namespace vt;

namespace {

Screen screen_of(std::string_view bytes, Size size)
{
    Screen screen{size, {}};
    BOOST_TEST(screen.feed(bytes) == bytes.size());
    return screen;
}

} // namespace

BOOST_AUTO_TEST_SUITE(drawing_tests)

BOOST_AUTO_TEST_CASE(a_part_of_a_row_is_characters_and_looks_alone)
{
    const auto screen = screen_of("a\x1b[1mb\x1b[0m日c\x1b]2;title\x07\x1b[2;1H\xc2\x9b"
                                  "31mx\x7f",
                                  {2, 8});
    BOOST_TEST(screen.part_of_row(0, 0, 8) == "a\x1b[0;1mb\x1b[0m日c   ");
    BOOST_TEST(screen.part_of_row(0, 0, 3) == "a\x1b[0;1mb\x1b[0m "); // Half of a wide one.
    BOOST_TEST(screen.part_of_row(0, 3, 2) == " c");
    BOOST_TEST(screen.part_of_row(0, 7, 5) == " ");
    BOOST_TEST(screen.part_of_row(0, 8, 5) == "");
    const auto hostile = screen.part_of_row(1, 0, 8);
    BOOST_TEST(hostile.find('\x7f') == std::string::npos);
    BOOST_TEST(hostile.find("\xc2\x9b") == std::string::npos);
    BOOST_TEST(screen_of("x\x1b[31m", {1, 3}).part_of_row(0, 0, 3) == "x  ");
}

BOOST_AUTO_TEST_SUITE_END()
