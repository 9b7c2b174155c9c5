#include "cli/console.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

namespace cli {

using common::Error;
using common::ErrorCode;

BOOST_AUTO_TEST_SUITE(console_tests)

BOOST_AUTO_TEST_CASE(an_error_is_a_sentence_its_reason_and_the_request)
{
    const Error error{ErrorCode::failed_precondition, "it is stopped", "wrong_state"};
    BOOST_TEST(error_text(error, "req-1", {}) ==
               "paddock: it is stopped (wrong_state, request req-1)\n");
    BOOST_TEST(error_text(Error{ErrorCode::internal, "no"}, "", {}) == "paddock: no (internal)\n");
}

BOOST_AUTO_TEST_CASE(fields_and_details_stand_below_it)
{
    const Error error{ErrorCode::invalid_argument,
                      "no",
                      "",
                      {{"cpu", "must be from 0 to 64"}},
                      "h1: full\nh2: lost"};
    BOOST_TEST(
        error_text(error, "", {}) ==
        "paddock: no (invalid_argument)\n  cpu must be from 0 to 64\n  h1: full\n  h2: lost\n");
}

BOOST_AUTO_TEST_CASE(an_error_from_elsewhere_cannot_speak_to_the_terminal)
{
    const auto text =
        error_text(Error{ErrorCode::internal, "a\033[2Jb", "", {}, "c\033[2Jd"}, "", {});
    BOOST_TEST(text.find('\033') == std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(as_json_it_says_what_the_program_exits_with)
{
    const auto json = nlohmann::json::parse(
        error_json({ErrorCode::not_found, "no sandbox", "gone", {{"id", "bad"}}, "more"}, "req-1"));
    BOOST_TEST(json["error"] == "no sandbox");
    BOOST_TEST(json["reason"] == "gone");
    BOOST_TEST(json["details"] == "more");
    BOOST_TEST(json["errors"][0]["field"] == "id");
    BOOST_TEST(json["request_id"] == "req-1");
    BOOST_TEST(json["exit_status"] == 116);
}

BOOST_AUTO_TEST_CASE(json_that_is_shown_has_no_controls_of_c1)
{
    const std::string json = "{\"a\":\"\xc2\x9d"
                             "52;c\x7f \xc2\xa0 \xc3\xa4 \xc2\"}";
    BOOST_TEST(shown_json(json) == "{\"a\":\"\\u009d52;c\\u007f \xc2\xa0 \xc3\xa4 \xc2\"}");
    BOOST_TEST(shown_json("\xc2") == "\xc2");
    BOOST_TEST(shown_json("") == "");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
