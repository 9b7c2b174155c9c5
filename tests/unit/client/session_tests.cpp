#include "client/session.hpp"

#include "tests/support/scripted_server.hpp"

#include <boost/test/unit_test.hpp>

namespace client {

using common::ErrorCode;
using test_support::ScriptedServer;

namespace {

std::string reply(const std::string& status, const std::string& body)
{
    return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nConnection: close\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string refusal(const std::string& status, const std::string& reason)
{
    return reply(status, R"({"error":"it cannot be","code":0,"reason":")" + reason + R"("})");
}

/// The value of a header of a request.
std::string header(const std::string& request, const std::string& name)
{
    const auto at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) {
        return "";
    }
    const auto from = at + name.size() + 4;
    return request.substr(from, request.find("\r\n", from) - from);
}

struct Calls {
    explicit Calls(std::vector<std::string> replies)
        : server{std::move(replies)}, session{{server.url(), "a-token", "req-1", [this](auto) {
                                                   ++pauses;
                                               }}}
    {}

    ScriptedServer server;
    int pauses = 0;
    Session session;
};

ErrorCode code_of(const std::string& status, const std::string& reason)
{
    Calls calls{{refusal(status, reason)}};
    const auto result = calls.session.post("/x", {});
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().reason == reason);
    return result.error().code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(session_tests)

BOOST_AUTO_TEST_CASE(a_request_has_its_token_and_its_id_and_the_body_comes_as_it_is)
{
    Calls calls{{reply("200 OK", "{\"a\": 1 }")}};
    const auto result = calls.session.get("/x");
    BOOST_REQUIRE(result.has_value());
    BOOST_TEST(*result == "{\"a\": 1 }");
    const auto request = calls.server.requests().front();
    BOOST_TEST(header(request, "Authorization") == "Bearer a-token");
    BOOST_TEST(header(request, "X-Request-ID") == "req-1");
    BOOST_TEST(header(request, "Idempotency-Key").empty());
}

BOOST_AUTO_TEST_CASE(of_several_coordinators_the_next_is_asked_where_one_is_not_there)
{
    ScriptedServer server{{reply("200 OK", "{}"), reply("200 OK", "{}")}};
    int pauses = 0;
    Session session{{"http://127.0.0.1:1," + server.url(), "t", "req-1", [&](auto) { ++pauses; }}};
    BOOST_TEST(session.post("/x", {}).has_value()); // Nothing was sent to the other one.
    BOOST_TEST(session.del("/x").has_value());
    BOOST_TEST(pauses == 0);
}

BOOST_AUTO_TEST_CASE(where_an_answer_is_lost_only_what_may_be_repeated_goes_to_the_next_coordinator)
{
    ScriptedServer first{{ScriptedServer::hangs_up, ScriptedServer::hangs_up}};
    ScriptedServer second{{reply("200 OK", "{}")}};
    Session session{{first.url() + "," + second.url(), "t", "req-1", [](auto) {}}};
    BOOST_TEST(session.post("/x", {}, Session::Asking::keyed).has_value());
    const auto key = header(first.requests().front(), "Idempotency-Key");
    BOOST_TEST(!key.empty());
    BOOST_TEST(header(second.requests().front(), "Idempotency-Key") == key);
    Session again{{first.url() + "," + second.url(), "t", "req-1", [](auto) {}}};
    BOOST_TEST(again.post("/x", {}).error().reason == "outcome_unknown");
    BOOST_TEST(second.requests().size() == 1U);
}

BOOST_AUTO_TEST_CASE(while_nobody_leads_anything_is_sent_again_until_somebody_does)
{
    Calls calls{{refusal("503 Service Unavailable", "no_leader"),
                 refusal("503 Service Unavailable", "no_leader"),
                 refusal("503 Service Unavailable", "no_leader"),
                 reply("200 OK", "{}")}};
    BOOST_TEST(calls.session.post("/x", {}).has_value());
    BOOST_TEST(calls.pauses == 3);
    Calls never{std::vector<std::string>(6, refusal("503 Service Unavailable", "no_leader"))};
    const auto result = never.session.get("/x");
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().reason == "no_leader");
    BOOST_TEST((result.error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(a_get_is_asked_again_when_its_answer_is_lost)
{
    Calls calls{{ScriptedServer::hangs_up, reply("200 OK", "{}")}};
    BOOST_TEST(calls.session.get("/x").has_value());
    BOOST_TEST(calls.pauses == 1);
}

BOOST_AUTO_TEST_CASE(what_may_have_been_done_is_unknown_and_not_asked_again)
{
    Calls calls{{ScriptedServer::hangs_up, reply("200 OK", "{}")}};
    const auto result = calls.session.post("/x", {});
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::timeout));
    BOOST_TEST(result.error().reason == "outcome_unknown");
    BOOST_TEST(calls.server.requests().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_create_is_asked_again_under_the_same_key)
{
    Calls calls{{ScriptedServer::hangs_up, reply("201 Created", "{}")}};
    BOOST_TEST(calls.session.post("/x", {}, Session::Asking::keyed).has_value());
    const auto requests = calls.server.requests();
    BOOST_REQUIRE(requests.size() == 2U);
    BOOST_TEST(!header(requests[0], "Idempotency-Key").empty());
    BOOST_TEST(header(requests[0], "Idempotency-Key") == header(requests[1], "Idempotency-Key"));
}

BOOST_AUTO_TEST_CASE(what_is_asked_again_and_still_under_way_is_no_refusal)
{
    Calls calls{{ScriptedServer::hangs_up,
                 reply("409 Conflict",
                       R"({"error":"it is being done","code":409,)"
                       R"("reason":"idempotency_in_progress"})")}};
    const auto result = calls.session.post("/x", {}, Session::Asking::keyed);
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::timeout));
    BOOST_TEST(result.error().reason == "outcome_unknown");
}

BOOST_AUTO_TEST_CASE(whoever_sends_elsewhere_has_done_nothing)
{
    Calls calls{{reply("301 Moved Permanently", "<html>")}};
    const auto result = calls.session.del("/x");
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().message.find("301") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_not_sent)
{
    Calls calls{{}};
    const auto result = calls.session.post("/x", {{"command", "cat /tmp/\xe9t"}});
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(calls.server.requests().empty());
}

BOOST_AUTO_TEST_CASE(two_creates_have_two_keys)
{
    Calls calls{{reply("201 Created", "{}"), reply("201 Created", "{}")}};
    BOOST_TEST(calls.session.post("/x", {}, Session::Asking::keyed).has_value());
    BOOST_TEST(calls.session.post("/x", {}, Session::Asking::keyed).has_value());
    const auto requests = calls.server.requests();
    BOOST_TEST(header(requests[0], "Idempotency-Key") != header(requests[1], "Idempotency-Key"));
}

BOOST_AUTO_TEST_CASE(a_refusal_of_a_key_is_the_answer)
{
    Calls calls{{refusal("501 Not Implemented", "not_yet"), reply("201 Created", "{}")}};
    const auto result = calls.session.post("/x", {}, Session::Asking::keyed);
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().reason == "not_yet");
    BOOST_REQUIRE(calls.server.requests().size() == 1U);
    BOOST_TEST(!header(calls.server.requests()[0], "Idempotency-Key").empty());
}

BOOST_AUTO_TEST_CASE(who_does_not_listen_is_tried_for_a_moment_whatever_is_asked)
{
    std::string url;
    {
        const ScriptedServer gone{{}};
        url = gone.url();
    }
    int pauses = 0;
    Session session{{url, "", "req-1", [&](auto) { ++pauses; }}};
    const auto result = session.post("/x", {});
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::unavailable));
    BOOST_TEST(result.error().message.find(url) != std::string::npos);
    BOOST_TEST(pauses == 2);
}

BOOST_AUTO_TEST_CASE(each_status_is_what_can_be_done_about_it)
{
    BOOST_TEST((code_of("400 Bad Request", "invalid_argument") == ErrorCode::invalid_argument));
    BOOST_TEST((code_of("401 Unauthorized", "unauthenticated") == ErrorCode::permission_denied));
    BOOST_TEST((code_of("403 Forbidden", "host_not_allowed") == ErrorCode::permission_denied));
    BOOST_TEST((code_of("404 Not Found", "not_found") == ErrorCode::not_found));
    BOOST_TEST((code_of("409 Conflict", "wrong_state") == ErrorCode::failed_precondition));
    BOOST_TEST((code_of("413 Too Large", "too_large") == ErrorCode::too_large));
    BOOST_TEST((code_of("422 Unprocessable", "unknown_user") == ErrorCode::refused));
    BOOST_TEST((code_of("429 Too Many", "busy") == ErrorCode::rate_limited));
    BOOST_TEST((code_of("500 Internal", "internal") == ErrorCode::internal));
    BOOST_TEST((code_of("501 Not Implemented", "not_yet") == ErrorCode::unimplemented));
    BOOST_TEST((code_of("502 Bad Gateway", "host_unreachable") == ErrorCode::unavailable));
    BOOST_TEST((code_of("502 Bad Gateway", "host_failed") == ErrorCode::internal));
    BOOST_TEST((code_of("503 Unavailable", "no_capacity") == ErrorCode::resource_exhausted));
    BOOST_TEST((code_of("503 Unavailable", "pool_empty") == ErrorCode::resource_exhausted));
    BOOST_TEST((code_of("503 Unavailable", "database_unavailable") == ErrorCode::unavailable));
    BOOST_TEST((code_of("504 Timeout", "outcome_unknown") == ErrorCode::timeout));
}

BOOST_AUTO_TEST_CASE(an_error_keeps_its_fields_and_details)
{
    Calls calls{{reply("400 Bad Request",
                       R"({"error":"no","reason":"invalid_argument","details":"more",)"
                       R"("errors":[{"field":"cpu","message":"must be less"}]})")}};
    const auto result = calls.session.get("/x");
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().details == "more");
    BOOST_REQUIRE(result.error().fields.size() == 1U);
    BOOST_TEST(result.error().fields[0].field == "cpu");
}

BOOST_AUTO_TEST_CASE(somebody_else_at_that_address_is_told_from_a_coordinator)
{
    Calls calls{
        {"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>"}};
    const auto result = calls.session.get("/x");
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().message.find("is it a Paddock coordinator?") != std::string::npos);
    BOOST_TEST(!parse("<html>", "http://a").has_value());
    BOOST_TEST(!parse("[]", "http://a").has_value());
    BOOST_TEST(parse("{}", "http://a").has_value());
}

BOOST_AUTO_TEST_CASE(text_is_encoded_for_a_path_and_a_query)
{
    BOOST_TEST(encoded("team=a b/č") == "team%3Da%20b%2F%C4%8D");
    BOOST_TEST(encoded("sbx-a.b_c~1") == "sbx-a.b_c~1");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace client
