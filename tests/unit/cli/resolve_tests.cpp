#include "cli/resolve.hpp"

#include <boost/test/unit_test.hpp>

namespace cli {

namespace {

const std::vector<KnownSandbox> known{
    {"sbx-aaaabbbbccccdddd", "web"},
    {"sbx-aaaazzzzccccdddd", "sbx-aaaazzzzccccdddd"}, // Nobody named it.
    {"sbx-eeeebbbbccccdddd", "aaaab"},
};

std::string picked(const std::string& text)
{
    const auto result = pick_sandbox(text, known);
    return result ? *result : std::string{result.error().stable_reason()};
}

} // namespace

BOOST_AUTO_TEST_SUITE(resolve_tests)

BOOST_AUTO_TEST_CASE(an_id_a_name_or_the_beginning_of_an_id)
{
    BOOST_TEST(picked("sbx-aaaazzzzccccdddd") == "sbx-aaaazzzzccccdddd");
    BOOST_TEST(picked("web") == "sbx-aaaabbbbccccdddd");
    BOOST_TEST(picked("sbx-eee") == "sbx-eeeebbbbccccdddd");
    BOOST_TEST(picked("eee") == "sbx-eeeebbbbccccdddd");
}

BOOST_AUTO_TEST_CASE(a_name_goes_before_the_beginning_of_an_id)
{
    BOOST_TEST(picked("aaaab") == "sbx-eeeebbbbccccdddd");
    BOOST_TEST(picked("sbx-aaaab") == "sbx-aaaabbbbccccdddd");
}

BOOST_AUTO_TEST_CASE(what_may_mean_two_names_both)
{
    const auto result = pick_sandbox("aaa", known);
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().reason == "ambiguous");
    BOOST_TEST(result.error().details == "sbx-aaaabbbbccccdddd  web\n"
                                         "sbx-aaaazzzzccccdddd  sbx-aaaazzzzccccdddd\n");
}

BOOST_AUTO_TEST_CASE(two_characters_are_too_few_to_destroy_something_by)
{
    BOOST_TEST(picked("ee") == "no_such_sandbox");
    BOOST_TEST(picked("sbx-ee") == "no_such_sandbox");
    BOOST_TEST(picked("sbx-") == "no_such_sandbox");
    BOOST_TEST(picked("") == "no_such_sandbox");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cli
