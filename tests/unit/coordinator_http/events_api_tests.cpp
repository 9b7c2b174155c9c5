#include "raw_socket.hpp"
#include "running_server.hpp"

namespace coordinator::http {

BOOST_FIXTURE_TEST_SUITE(events_api_tests, RunningServer)

namespace {

std::string follow(const std::string& query, const std::string& headers = "")
{
    return "GET /v1/events" + query + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
           test_token + "\r\n" + headers + "\r\n";
}

AuditEvent event(std::uint64_t seq, const std::string& detail)
{
    AuditEvent one;
    one.seq = seq;
    one.at = common::from_unix_us(1'790'000'000'000'000);
    one.row.kind = AuditRow::Kind::outcome;
    one.row.action = "sandbox.create";
    one.row.caller.actor = "token:tester";
    one.row.target = "sbx-1";
    one.row.result = "ok";
    one.row.detail = detail;
    return one;
}

} // namespace

BOOST_AUTO_TEST_CASE(rows_are_events_whose_ids_are_their_numbers)
{
    const RawSocket client{server.port()};
    client.send(follow(""));
    BOOST_TEST(client.receive("}\n\n").find("event: connected\nid: 40\ndata: {\"seq\":40}") !=
               std::string::npos);
    service.told.feed->put(event(41, R"({"name":"web"})"));
    const auto first = client.receive("}\n\n");
    BOOST_TEST(first.find("event: audit\nid: 41\n") != std::string::npos, first);
    BOOST_TEST(first.find(R"("action":"sandbox.create")") != std::string::npos, first);
    BOOST_TEST(first.find(R"("detail":{"name":"web"})") != std::string::npos, first);
    service.told.feed->put(event(42, "not json\n"));
    BOOST_TEST(client.receive("}\n\n").find(R"("detail":"not json\n")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_follows_is_told_where_to_go_on_when_the_server_ends)
{
    const RawSocket client{server.port()};
    client.send(follow(""));
    service.told.feed->put(event(41, "{}"));
    client.receive("event: audit\nid: 41\n");
    server.drain(std::chrono::seconds{5});
    client.receive("event: interrupted\nid: 41\ndata: {\"retry_from\":41}\n\n");
}

BOOST_AUTO_TEST_CASE(filters_and_where_to_go_on_are_taken_apart)
{
    const RawSocket client{server.port()};
    client.send(follow("?target=sbx-1&host=h1&action=sandbox&kind=intent&from=7"));
    BOOST_TEST(client.receive("}\n\n").find("id: 7\n") != std::string::npos);
    const auto filter = service.told.filters().back();
    BOOST_TEST(filter.target.value_or("") == "sbx-1");
    BOOST_TEST(filter.host.value_or("") == "h1");
    BOOST_TEST(filter.action.value_or("") == "sandbox");
    BOOST_TEST((filter.kind == AuditRow::Kind::intent));
    const RawSocket again{server.port()};
    again.send(follow("", "Last-Event-ID: 9\r\n"));
    BOOST_TEST(again.receive("}\n\n").find("id: 9\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_them_is_told)
{
    for (const auto* query : {"?kind=both", "?from=-1", "?from=a", "?action=a%20b", "?since=1"}) {
        check_error(client().get(std::string{"/v1/events"} + query), 400, "invalid_argument");
    }
    check_error(client().get("/v1/events", {{"Last-Event-ID", "x"}}), 400, "invalid_argument");
    check_error(stranger().get("/v1/events"), 401, "unauthenticated");
    BOOST_TEST(service.told.filters().empty());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
