#include "common/utf8.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using common::is_utf8;
using common::utf8_sequence;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(utf8_tests)

BOOST_AUTO_TEST_CASE(well_formed_text_of_every_length_passes)
{
    BOOST_TEST(is_utf8(""));
    for (const auto text : {"a"sv,
                            "\0"sv,
                            "\x7f"sv,
                            "\xc2\x80"sv,
                            "\xdf\xbf"sv,
                            "\xe0\xa0\x80"sv,
                            "\xed\x9f\xbf"sv,
                            "\xee\x80\x80"sv,
                            "\xef\xbf\xbf"sv,
                            "\xf0\x90\x80\x80"sv,
                            "\xf4\x8f\xbf\xbf"sv}) {
        BOOST_TEST(utf8_sequence(text) == text.size());
        BOOST_TEST(is_utf8(std::string{text} + "a" + std::string{text}));
    }
}

BOOST_AUTO_TEST_CASE(what_is_stray_cut_overlong_or_a_surrogate_does_not)
{
    for (const auto text : {"\x80"sv,
                            "\xbf"sv,
                            "\xc0\xaf"sv,
                            "\xc1\xbf"sv,
                            "\xc2"sv,
                            "\xc2\x41"sv,
                            "\xc2\xc0"sv,
                            "\xe0\x9f\xbf"sv,
                            "\xe1\x80"sv,
                            "\xe1\x80\x41"sv,
                            "\xed\xa0\x80"sv,
                            "\xf0\x8f\xbf\xbf"sv,
                            "\xf1\x80\x80"sv,
                            "\xf4\x90\x80\x80"sv,
                            "\xf5\x80\x80\x80"sv,
                            "\xff"sv}) {
        BOOST_TEST(utf8_sequence(text) == 0U);
        BOOST_TEST(!is_utf8(std::string{"a"} + std::string{text}));
        BOOST_TEST(!is_utf8(std::string{text} + "a"));
    }
    BOOST_TEST(utf8_sequence("") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
