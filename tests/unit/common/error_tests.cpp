#include "common/error.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace common;

BOOST_AUTO_TEST_SUITE(error_tests)

BOOST_AUTO_TEST_CASE(every_code_has_a_name_of_its_own_and_comes_back_from_it)
{
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
        const auto code = static_cast<ErrorCode>(i);
        BOOST_TEST((error_code_from(to_string(code)) == code));
        names.insert(to_string(code));
    }
    BOOST_TEST(names.size() == static_cast<std::size_t>(ErrorCode::internal) + 1);
}

BOOST_AUTO_TEST_CASE(a_name_that_a_newer_peer_made_up_is_internal)
{
    BOOST_TEST((error_code_from("quota_exceeded") == ErrorCode::internal));
    BOOST_TEST((error_code_from("") == ErrorCode::internal));
}

BOOST_AUTO_TEST_CASE(the_attempt_is_told_before_the_cause)
{
    const Error error = Error{ErrorCode::not_found, "no domain", "gone"}.during("start vm-7");
    BOOST_TEST(error.message == "start vm-7: no domain");
    BOOST_TEST((error.code == ErrorCode::not_found));
    BOOST_TEST(error.stable_reason() == "gone");
    BOOST_TEST((Error{ErrorCode::timeout, ""}.stable_reason() == "timeout"));
}

BOOST_AUTO_TEST_SUITE_END()
