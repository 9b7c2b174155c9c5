#include "cli/event_line.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

BOOST_AUTO_TEST_SUITE(event_line_tests)

BOOST_AUTO_TEST_CASE(lines_stand_below_each_other)
{
    const Json intent{{"at", "2026-01-31T12:00:00.123456Z"},
                      {"kind", "intent"},
                      {"action", "sandbox.create"},
                      {"target", "sbx-abcdefghij234567"},
                      {"actor", "token:alice"}};
    auto outcome = intent;
    outcome["kind"] = "outcome";
    outcome["host"] = "h1";
    outcome["result"] = "ok";
    BOOST_TEST(
        event_line(intent, {}) ==
        "2026-01-31T12:00:00Z  sandbox.create      begins      sbx-abcdefghij234567  -       "
        "token:alice\n");
    BOOST_TEST(
        event_line(outcome, {}) ==
        "2026-01-31T12:00:00Z  sandbox.create      ok          sbx-abcdefghij234567  h1      "
        "token:alice\n");
}

BOOST_AUTO_TEST_CASE(what_is_strange_is_shown_safely_on_one_line)
{
    const auto line = event_line(Json{{"action", "a\nb\x1b[2J"}, {"target", 7}}, {});
    BOOST_TEST(line.find('\x1b') == std::string::npos);
    BOOST_TEST(line.find('\n') == line.size() - 1);
}

BOOST_AUTO_TEST_CASE(how_it_went_has_a_colour)
{
    const Look coloured{.colour = true};
    const auto line = [&](const char* result) {
        return event_line(Json{{"kind", "outcome"}, {"result", result}}, coloured);
    };
    BOOST_TEST(line("ok").find("\033[32mok") != std::string::npos);
    BOOST_TEST(line("no_capacity").find("\033[31mno_capacity") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
