#include "client/event_follower.hpp"

#include "tests/support/scripted_server.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace client {

using common::ErrorCode;
using test_support::ScriptedServer;

namespace {

constexpr const char* cut = "";
constexpr const char* whole = "0\r\n\r\n";

/// A stream of these events, one chunk each, as "name id"; `end` is what is behind them.
std::string stream(const std::vector<std::string>& events, const std::string& end)
{
    std::string reply = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n";
    for (const auto& event : events) {
        const auto space = event.find(' ');
        const auto text = fmt::format(
            "event: {}\nid: {}\ndata: {{}}\n\n", event.substr(0, space), event.substr(space + 1));
        reply += fmt::format("{:x}\r\n{}\r\n", text.size(), text);
    }
    return reply + end;
}

std::string refused_with(const std::string& status, const std::string& reason)
{
    const auto body = R"({"error":"it cannot be","reason":")" + reason + R"("})";
    return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nConnection: close\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Read {
    explicit Read(std::vector<std::string> replies) : server{std::move(replies)} {}

    common::Result<> follow(const std::string& method = "POST",
                            std::chrono::milliseconds patience = std::chrono::milliseconds{60'000})
    {
        EventFollower follower{
            {.session = {server.url(), "a-token", "req-1", [this](auto) { ++pauses; }},
             .patience = patience,
             .lost = [this](const auto&) { told += "lost "; },
             .back = [this] { told += "back "; }}};
        const auto body = method == "POST" ? std::optional<std::string>{"{}"} : std::nullopt;
        return follower.follow(
            {method, "/first", body},
            [this] { return again; },
            [this](const ServerEvent& event) {
                seen += event.name + event.id + " ";
                return event.name != "exit";
            });
    }

    ScriptedServer server;
    std::string again = "/again";
    std::string seen;
    std::string told;
    int pauses = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(event_follower_tests)

BOOST_AUTO_TEST_CASE(events_come_until_it_is_enough)
{
    Read read{{stream({"start 0", "stdout 3", "exit 3", "stdout 9"}, cut)}};
    BOOST_TEST(read.follow().has_value());
    BOOST_TEST(read.seen == "start0 stdout3 exit3 ");
    BOOST_TEST(read.told.empty());
    const auto request = read.server.requests().at(0);
    BOOST_TEST(request.starts_with("POST /first "));
    BOOST_TEST(request.find("Authorization: Bearer a-token\r\n") != std::string::npos);
    BOOST_TEST(request.find("X-Request-ID: req-1\r\n") != std::string::npos);
    BOOST_TEST(request.find("Last-Event-ID") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_lost_one_is_read_on_from_the_last_event_and_never_asked_for_twice)
{
    for (const auto* end : {cut, whole}) {
        Read read{{stream({"start 0", "stdout 5"}, end),
                   stream({"start 5", "stdout 7"}, end),
                   stream({"start 7", "exit 7"}, end)}};
        BOOST_TEST(read.follow().has_value());
        BOOST_TEST(read.seen == "start0 stdout5 start5 stdout7 start7 exit7 ");
        BOOST_TEST(read.told == "lost back lost back ");
        const auto requests = read.server.requests();
        BOOST_REQUIRE(requests.size() == 3U);
        BOOST_TEST(requests[1].starts_with("GET /again "));
        BOOST_TEST(requests[1].find("Last-Event-ID: 5\r\n") != std::string::npos);
        BOOST_TEST(requests[2].find("Last-Event-ID: 7\r\n") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(an_event_that_was_cut_comes_again)
{
    const auto half = stream({"start 0", "stdout 5", "stdout 8"}, cut);
    Read read{{half.substr(0, half.size() - 6), stream({"stdout 8", "exit 8"}, cut)}};
    BOOST_TEST(read.follow().has_value());
    BOOST_TEST(read.seen == "start0 stdout5 stdout8 exit8 ");
}

BOOST_AUTO_TEST_CASE(what_may_have_been_started_is_not_started_again)
{
    for (const auto& reply : {std::string{ScriptedServer::hangs_up}, stream({}, cut)}) {
        Read read{{reply, stream({"exit 0"}, cut)}};
        const auto result = read.follow();
        BOOST_REQUIRE(!result.has_value());
        BOOST_TEST((result.error().code == ErrorCode::timeout));
        BOOST_TEST(result.error().reason == "outcome_unknown");
        BOOST_TEST(read.server.requests().size() == 1U);
    }
    Read unnamed{{stream({"keepalive 0"}, cut), stream({"exit 0"}, cut)}};
    unnamed.again = "";
    BOOST_TEST(unnamed.follow().error().reason == "outcome_unknown");
    BOOST_TEST(unnamed.server.requests().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_only_reads_is_asked_for_again)
{
    Read read{{ScriptedServer::hangs_up, stream({"exit 0"}, cut)}};
    BOOST_TEST(read.follow("GET").has_value());
    BOOST_TEST(read.server.requests().size() == 2U);
    BOOST_TEST(read.pauses == 1);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_as_it_is)
{
    Read read{{refused_with("422 Unprocessable", "not_executable")}};
    const auto result = read.follow();
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::refused));
    BOOST_TEST(result.error().reason == "not_executable");
    BOOST_TEST(result.error().message == "it cannot be");
    Read other{{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"}};
    BOOST_TEST(other.follow().error().message.find("is it a Paddock coordinator?") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_coordinator_that_has_just_begun_is_waited_for)
{
    Read read{{stream({"start 0"}, cut),
               refused_with("404 Not Found", "no_such_exec"),
               refused_with("503 Unavailable", "database_unavailable"),
               ScriptedServer::hangs_up,
               stream({"exit 0"}, cut)}};
    BOOST_TEST(read.follow().has_value());
    BOOST_TEST(read.told == "lost back ");
    BOOST_TEST(read.pauses == 4);
}

BOOST_AUTO_TEST_CASE(a_refusal_to_read_on_is_the_end)
{
    Read read{{stream({"start 0"}, cut), refused_with("404 Not Found", "not_found")}};
    BOOST_TEST(read.follow().error().reason == "not_found");
    Read denied{{stream({"start 0"}, cut), refused_with("401 Unauthorized", "unauthenticated")}};
    BOOST_TEST(denied.follow().error().reason == "unauthenticated");
}

BOOST_AUTO_TEST_CASE(patience_ends)
{
    Read read{{stream({"start 0"}, cut), stream({"exit 0"}, cut)}};
    const auto result = read.follow("POST", std::chrono::milliseconds{0});
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::unavailable));
    BOOST_TEST(result.error().reason == "connection_lost");
}

BOOST_AUTO_TEST_CASE(what_is_no_event_is_the_end_and_not_read_on)
{
    auto reply = stream({"start 0"}, cut);
    const std::string endless(std::size_t{9} << 20U, 'x');
    reply += fmt::format("{:x}\r\n{}\r\n", endless.size(), endless);
    Read read{{std::move(reply), stream({"exit 0"}, cut)}};
    BOOST_TEST(read.follow().error().reason == "event_too_large");
    BOOST_TEST(read.server.requests().size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_does_not_listen_is_tried_for_a_moment)
{
    Read read{{}};
    EventFollower follower{
        {.session = {"http://127.0.0.1:9", "", "req-1", [&](auto) { ++read.pauses; }}}};
    const auto result = follower.follow(
        {"POST", "/x", "{}"}, [] { return ""; }, [](const auto&) { return true; });
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().reason == "unreachable");
    BOOST_TEST(read.pauses == 2);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace client
