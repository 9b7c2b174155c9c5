#include "cli/text.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

namespace {

using namespace std::chrono_literals;

const auto at_noon = *parse_time("2026-01-31T12:00:00Z");

} // namespace

BOOST_AUTO_TEST_SUITE(text_tests)

BOOST_AUTO_TEST_CASE(times_of_the_api_are_read_with_and_without_fractions)
{
    BOOST_TEST((parse_time("2026-01-31T12:00:00.123456Z") == at_noon));
    BOOST_TEST(
        (*parse_time("2024-03-01T00:00:01Z") - *parse_time("2024-02-28T23:59:59Z") == 24h + 2s));
    for (const char* wrong : {"",
                              "yesterday",
                              "2026-01-31",
                              "2026-13-31T12:00:00Z",
                              "2026-01-31T12:00:00+01:00",
                              "2026-02-30T12:00:00Z"}) {
        BOOST_TEST(!parse_time(wrong).has_value(), wrong);
    }
}

BOOST_AUTO_TEST_CASE(ages_have_the_unit_that_tells_most)
{
    BOOST_TEST(age("2026-01-31T11:59:53Z", at_noon) == "7s");
    BOOST_TEST(age("2026-01-31T11:58:01Z", at_noon) == "119s");
    BOOST_TEST(age("2026-01-31T11:48:00Z", at_noon) == "12m");
    BOOST_TEST(age("2026-01-31T09:00:00Z", at_noon) == "3h");
    BOOST_TEST(age("2026-01-26T12:00:00Z", at_noon) == "5d");
    BOOST_TEST(age("2026-01-31T12:00:09Z", at_noon) == "0s"); // Their clock is before ours.
    BOOST_TEST(age("", at_noon).empty());
}

BOOST_AUTO_TEST_CASE(what_expires_says_in_how_long)
{
    BOOST_TEST(until("2026-01-31T12:09:00Z", at_noon) == "in 9m");
    BOOST_TEST(until("2026-01-31T11:00:00Z", at_noon) == "due");
    BOOST_TEST(until("", at_noon).empty());
}

BOOST_AUTO_TEST_CASE(lengths_of_time_are_a_number_and_a_unit)
{
    BOOST_TEST((*parse_span("90") == 90s));
    BOOST_TEST((*parse_span("90s") == 90s));
    BOOST_TEST((*parse_span("10m") == 10min));
    BOOST_TEST((*parse_span("2h") == 2h));
    BOOST_TEST((*parse_span("7d") == 7 * 24h));
    for (const char* wrong : {"", "m", "-1s", "1.5h", "10 m", "10min", "99999999999999999999"}) {
        BOOST_TEST(!parse_span(wrong).has_value(), wrong);
    }
}

BOOST_AUTO_TEST_CASE(memory_is_mib_unless_it_says_otherwise)
{
    BOOST_TEST(*parse_memory_mb("512") == 512);
    BOOST_TEST(*parse_memory_mb("512M") == 512);
    BOOST_TEST(*parse_memory_mb("2G") == 2048);
    BOOST_TEST(*parse_memory_mb("2GiB") == 2048);
    BOOST_TEST(!parse_memory_mb("2g").has_value());
    BOOST_TEST(!parse_memory_mb("lots").has_value());
}

BOOST_AUTO_TEST_CASE(sizes_have_two_or_three_figures)
{
    BOOST_TEST(size_text(0) == "0 B");
    BOOST_TEST(size_text(1023) == "1023 B");
    BOOST_TEST(size_text(1536) == "1.5 KiB");
    BOOST_TEST(size_text(std::uint64_t{300} << 20U) == "300 MiB");
    BOOST_TEST(size_text(std::uint64_t{5} << 40U) == "5.0 TiB");
}

BOOST_AUTO_TEST_CASE(one_word_is_for_the_shell_and_several_are_quoted_from_it)
{
    BOOST_TEST(shell_line({"uname -a; id"}) == "uname -a; id");
    BOOST_TEST(shell_line({"ls", "-l", "/my files"}) == "ls -l '/my files'");
    BOOST_TEST(shell_line({"echo", "it's", "$HOME", ""}) == R"(echo 'it'\''s' '$HOME' '')");
}

BOOST_AUTO_TEST_CASE(what_a_terminal_would_obey_is_not_printed)
{
    BOOST_TEST(printable("a\033[31mb\a") == "a?[31mb?");
    BOOST_TEST(printable("two\nlines\tand a tab") == "two lines and a tab");
    BOOST_TEST(printable("\xC2\x9B"
                         "1m") == "?1m"); // CSI in one character.
    BOOST_TEST(printable("žluťoučký") == "žluťoučký");
}

BOOST_AUTO_TEST_CASE(text_is_cut_between_characters)
{
    BOOST_TEST(width_of("kůň") == 3U);
    BOOST_TEST(cut("žluťoučký", 4) == "žlu…");
    BOOST_TEST(cut("short", 5) == "short");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
