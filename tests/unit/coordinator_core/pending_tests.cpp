#include "coordinator/core/pending.hpp"

#include <boost/test/unit_test.hpp>

using namespace coordinator;
using common::Error;
using common::ErrorCode;

BOOST_AUTO_TEST_SUITE(pending_tests)

BOOST_AUTO_TEST_CASE(what_a_failed_write_means_follows_from_its_code)
{
    const auto told = [](ErrorCode code) { return not_recorded("try", Error{code, "why"}); };
    BOOST_CHECK(told(ErrorCode::timeout).code == ErrorCode::timeout);
    BOOST_TEST(told(ErrorCode::timeout).reason == "outcome_unknown");
    BOOST_CHECK(told(ErrorCode::rate_limited).code == ErrorCode::rate_limited);
    BOOST_CHECK(told(ErrorCode::unavailable).code == ErrorCode::unavailable);
    BOOST_TEST(told(ErrorCode::unavailable).reason == "database_unavailable");
    BOOST_CHECK(told(ErrorCode::internal).code == ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(a_detail_is_json_whatever_a_caller_put_into_it)
{
    BOOST_TEST(detail_of({}) == "{}");
    BOOST_TEST(detail_of({{"a", "b"}, {"c", "d"}}) == R"({"a":"b","c":"d"})");
    BOOST_TEST(detail_of({{"a", "\"\\\n\xff"}}) == R"({"a":"\"\\\u000a\u00ff"})");
    BOOST_TEST(detail_of({{"a", "\u00e4\u20ac"}}) == "{\"a\":\"\u00e4\u20ac\"}");
    BOOST_TEST(detail_of({{"a", std::string(100000, 'x')}}).size() < 1100U);
    const auto cut = detail_of({{"a", std::string(1023, 'x') + "\u00e4"}});
    BOOST_TEST(cut == R"({"a":")" + std::string(1023, 'x') + R"("})");
}

BOOST_AUTO_TEST_SUITE_END()
