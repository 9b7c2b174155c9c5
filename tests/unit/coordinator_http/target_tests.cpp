#include "coordinator/http/target.hpp"

#include <boost/test/unit_test.hpp>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(target_tests)

BOOST_AUTO_TEST_CASE(an_encoded_slash_stays_in_its_segment)
{
    const auto target = parse_target("/v1/images/..%2Fetc");
    BOOST_REQUIRE(target);
    BOOST_REQUIRE_EQUAL(target->segments.size(), 3U);
    BOOST_TEST(target->segments[2] == "../etc");
}

BOOST_AUTO_TEST_CASE(a_trailing_slash_names_the_same_path)
{
    BOOST_TEST(parse_target("/v1/plan/")->segments.size() == 2U);
    BOOST_TEST(parse_target("/")->segments.empty());
}

BOOST_AUTO_TEST_CASE(a_query_keeps_order_and_repeats)
{
    const auto target = parse_target("/x?label=a%3Db&label=c+d&empty&=e#frag?ment");
    BOOST_REQUIRE(target);
    const Query expected{{"label", "a=b"}, {"label", "c d"}, {"empty", ""}, {"", "e"}};
    BOOST_TEST((target->query == expected));
}

BOOST_AUTO_TEST_CASE(broken_escapes_controls_and_bad_utf8_are_refused)
{
    for (const char* target : {"/a%",
                               "/a%2",
                               "/a%zz",
                               "/a%00",
                               "/a%0a",
                               "/a%7f",
                               "/%ff",
                               "/%c0%af",
                               "/%ed%a0%80",
                               "/?a=%",
                               "/?a=%00",
                               "/?%c3=1"}) {
        BOOST_TEST_CONTEXT(target)
        {
            BOOST_TEST(!parse_target(target));
        }
    }
    BOOST_TEST(parse_target("/%c3%a9")->segments.front() == "\u00e9");
}

BOOST_AUTO_TEST_CASE(segments_and_parameters_are_bounded)
{
    std::string deep;
    std::string wide = "/?";
    for (int i = 0; i < 33; ++i) {
        deep += "/a";
    }
    for (int i = 0; i < 65; ++i) {
        wide += "a=1&";
    }
    BOOST_TEST(!parse_target(deep));
    BOOST_TEST(!parse_target(wide));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
