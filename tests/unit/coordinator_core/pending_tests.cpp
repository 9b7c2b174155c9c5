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

BOOST_AUTO_TEST_CASE(what_is_done_about_images_has_its_names_in_the_audit)
{
    using Kind = Pending::Kind;
    for (const auto& [kind, action] :
         std::vector<std::pair<Kind, std::string>>{{Kind::make_image, "image.create"},
                                                   {Kind::remove_image, "image.delete"},
                                                   {Kind::register_image, "image.register"},
                                                   {Kind::fetch_image, "image.fetch"},
                                                   {Kind::drop_image, "image.drop"}}) {
        BOOST_TEST(audit_action(to_string(kind)) == action);
        BOOST_TEST(is_about_image(kind));
        BOOST_TEST(is_about_registration(kind) ==
                   (kind != Kind::make_image && kind != Kind::remove_image));
    }
    BOOST_TEST(!is_about_image(Kind::create));
}

BOOST_AUTO_TEST_SUITE_END()
