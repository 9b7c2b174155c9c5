#include "coordinator/http/reply.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

namespace coordinator::http {

using common::Error;
using common::ErrorCode;

BOOST_AUTO_TEST_SUITE(reply_tests)

namespace {

const std::string* header(const Reply& reply, std::string_view name)
{
    for (const auto& [key, value] : reply.headers) {
        if (key == name) {
            return &value;
        }
    }
    return nullptr;
}

const common::RequestId request{"req-1"};

} // namespace

BOOST_AUTO_TEST_CASE(every_code_has_its_status)
{
    BOOST_TEST(status_of(Error{ErrorCode::invalid_argument, ""}) == 400);
    BOOST_TEST(status_of(Error{ErrorCode::permission_denied, ""}) == 403);
    BOOST_TEST(status_of(Error{ErrorCode::not_found, ""}) == 404);
    BOOST_TEST(status_of(Error{ErrorCode::already_exists, ""}) == 409);
    BOOST_TEST(status_of(Error{ErrorCode::failed_precondition, ""}) == 409);
    BOOST_TEST(status_of(Error{ErrorCode::refused, ""}) == 422);
    BOOST_TEST(status_of(Error{ErrorCode::too_large, ""}) == 413);
    BOOST_TEST(status_of(Error{ErrorCode::rate_limited, ""}) == 429);
    BOOST_TEST(status_of(Error{ErrorCode::resource_exhausted, ""}) == 503);
    BOOST_TEST(status_of(Error{ErrorCode::unimplemented, ""}) == 501);
    BOOST_TEST(status_of(Error{ErrorCode::unavailable, ""}) == 503);
    BOOST_TEST(status_of(Error{ErrorCode::timeout, ""}) == 504);
    BOOST_TEST(status_of(Error{ErrorCode::internal, ""}) == 500);
    BOOST_TEST(status_of(Error{ErrorCode::unavailable, "", "host_unreachable"}) == 502);
    BOOST_TEST(status_of(Error{ErrorCode::permission_denied, "", "unauthenticated"}) == 401);
}

BOOST_AUTO_TEST_CASE(an_error_carries_fields_and_details)
{
    const auto reply = error_reply(
        Error{ErrorCode::invalid_argument, "no", {}, {{"cpu", "must be an integer"}}, "h1: full"},
        request);
    const auto body = nlohmann::json::parse(reply.body);
    BOOST_TEST(body["reason"] == "invalid_argument");
    BOOST_TEST(body["details"] == "h1: full");
    BOOST_TEST(body["errors"][0]["field"] == "cpu");
    BOOST_TEST(body["request_id"] == "req-1");
}

BOOST_AUTO_TEST_CASE(an_internal_error_tells_nothing_of_the_inside)
{
    const auto reply =
        error_reply(Error{ErrorCode::internal, "password=x at 0x1", {}, {}, "trace"}, request);
    BOOST_TEST(reply.body.find("password") == std::string::npos);
    BOOST_TEST(reply.body.find("trace") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_may_retry_is_told_when)
{
    BOOST_TEST(header(error_reply(Error{ErrorCode::rate_limited, ""}, request), "Retry-After"));
    BOOST_TEST(
        header(error_reply(Error{ErrorCode::resource_exhausted, ""}, request), "Retry-After"));
    BOOST_TEST(!header(error_reply(Error{ErrorCode::not_found, ""}, request), "Retry-After"));
    BOOST_TEST(
        header(error_reply(Error{ErrorCode::permission_denied, "", "unauthenticated"}, request),
               "WWW-Authenticate"));
}

BOOST_AUTO_TEST_CASE(text_that_is_not_utf8_is_replaced)
{
    const auto reply = error_reply(Error{ErrorCode::refused, "bad \xff byte"}, request);
    BOOST_TEST(nlohmann::json::parse(reply.body)["error"] == "bad \ufffd byte");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
