#include "running_server.hpp"

#include "common/digest/base64.hpp"
#include "raw_socket.hpp"

#include <thread>

namespace coordinator::http {

using nlohmann::json;

BOOST_FIXTURE_TEST_SUITE(audit_api_tests, RunningServer)

namespace {

constexpr std::int64_t noon_us = 1'790'000'000'000'000;

AuditEvent row_of(std::uint64_t seq, AuditRow::Kind kind = AuditRow::Kind::outcome)
{
    AuditEvent event;
    event.seq = seq;
    event.at = common::from_unix_us(noon_us);
    event.row = {kind,
                 "sandbox.create",
                 {"token:tester", "default", common::RequestId{"req-1"}},
                 common::OperationId{"op-1"},
                 "h1",
                 "sbx-1",
                 kind == AuditRow::Kind::outcome ? "no_capacity" : "",
                 R"({"error":"no room"})"};
    AuditSeal seal;
    seal.prev_hash.fill(0xab);
    seal.hash.fill(0x01);
    seal.payload = std::string{"\x01\x00\xff", 3};
    event.seal = std::make_shared<const AuditSeal>(seal);
    return event;
}

std::string repeated(const char* byte)
{
    std::string hex;
    for (int i = 0; i < 32; ++i) {
        hex += byte;
    }
    return hex;
}

json expected_row()
{
    return {{"seq", 7},
            {"at", common::to_rfc3339(common::from_unix_us(noon_us))},
            {"kind", "outcome"},
            {"action", "sandbox.create"},
            {"actor", "token:tester"},
            {"request_id", "req-1"},
            {"operation_id", "op-1"},
            {"host", "h1"},
            {"target", "sbx-1"},
            {"result", "no_capacity"},
            {"detail", {{"error", "no room"}}},
            {"tenant", "default"},
            {"prev_hash", repeated("ab")},
            {"hash", repeated("01")}};
}

std::string get(const std::string& path)
{
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + test_token +
           "\r\n\r\n";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_row_has_every_field_and_a_page_says_where_the_next_one_is)
{
    service.audited.answer.rows = {row_of(7)};
    service.audited.answer.next = 7;
    const auto reply = client().get("/v1/audit");
    BOOST_TEST(reply.status == 200, reply.body);
    const json expected{
        {"rows", {expected_row()}}, {"has_more", true}, {"next_cursor", "before-7"}};
    BOOST_TEST(reply.json() == expected, reply.body);

    service.audited.answer.next.reset();
    const auto last = client().get("/v1/audit?cursor=before-7").json();
    BOOST_TEST(last["has_more"] == false);
    BOOST_TEST(!last.contains("next_cursor"));
    BOOST_TEST(service.audited.queries().back().before.value_or(0) == 7U);
    BOOST_TEST(service.audited.queries().back().span.tenant == "default");
    BOOST_TEST((service.audited.queries().back().total == AuditQuery::Total::none));
}

BOOST_AUTO_TEST_CASE(what_is_no_utf8_is_told_as_utf8)
{
    auto row = row_of(1);
    row.row.target = std::string{"a\xff\0b\\", 5};
    row.row.detail = "\xc0{";
    service.audited.answer.rows = {row};
    const auto told = client().get("/v1/audit").json();
    BOOST_REQUIRE(told.is_object());
    BOOST_TEST(told["rows"][0]["target"] == (std::string{"a\xef\xbf\xbd\0b\\", 7}));
    BOOST_TEST(told["rows"][0]["detail"] == "\xef\xbf\xbd{");
}

BOOST_AUTO_TEST_CASE(filters_are_taken_apart)
{
    BOOST_TEST(client()
                   .get("/v1/audit?target=sbx-1&host=h1&action=sandbox.create&tool=sandbox&actor="
                        "token%3Aci&result=ok&kind=outcome&request_id=r.1&operation_id=op-1&since="
                        "2026-09-21T14:13:20Z&until=2026-09-21T16:13:20.5%2B02:00&after=3&before=9&"
                        "limit=500&order=oldest&cursor=after-5")
                   .status == 200);
    const auto query = service.audited.queries().back();
    BOOST_TEST(query.target.value_or("") == "sbx-1");
    BOOST_TEST(query.host.value_or("") == "h1");
    BOOST_TEST(query.action.value_or("") == "sandbox.create");
    BOOST_TEST(query.tool.value_or("") == "sandbox");
    BOOST_TEST(query.actor.value_or("") == "token:ci");
    BOOST_TEST(query.result.value_or("") == "ok");
    BOOST_TEST((query.kind == AuditRow::Kind::outcome));
    BOOST_TEST(query.request.value_or("") == "r.1");
    BOOST_TEST(query.operation.value_or("") == "op-1");
    BOOST_REQUIRE(query.span.since && query.span.until);
    BOOST_TEST(common::to_unix_us(*query.span.since) == noon_us);
    BOOST_TEST(common::to_unix_us(*query.span.until) == noon_us + 500'000);
    BOOST_TEST(query.after == 5U); // The cursor is further on.
    BOOST_TEST(query.before.value_or(0) == 9U);
    BOOST_TEST(query.limit == 500U);
    BOOST_TEST((query.order == AuditQuery::Order::oldest_first));

    BOOST_TEST(client().get("/v1/audit?before=3&cursor=before-9").status == 200);
    BOOST_TEST(service.audited.queries().back().before.value_or(0) == 3U);
    BOOST_TEST(service.audited.queries().back().limit == 100U);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_them_is_told)
{
    for (const auto* query : {"?kind=both",
                              "?limit=0",
                              "?limit=501",
                              "?offset=1",
                              "?sandbox=web",
                              "?since=yesterday",
                              "?until=2026-01-31",
                              "?after=-1",
                              "?before=x",
                              "?order=random",
                              "?target=a%20b",
                              "?action=a%20b",
                              "?result=",
                              "?actor=",
                              "?cursor=7",
                              "?cursor=after-7",
                              "?cursor=before-",
                              "?cursor=before-7x",
                              "?cursor=before--7",
                              "?cursor=before-99999999999999999999",
                              "?order=oldest&cursor=before-7",
                              "?kind=intent&kind=intent"}) {
        check_error(client().get(std::string{"/v1/audit"} + query), 400, "invalid_argument");
    }
    for (const auto* path : {"/v1/audit/stats?limit=1",
                             "/v1/audit/stats?since=1",
                             "/v1/audit/verify?deep=true",
                             "/v1/audit/export?target=x",
                             "/v1/audit/export?after=x"}) {
        check_error(client().get(path), 400, "invalid_argument");
    }
    for (const auto& body : {json{{"nonsense", 1}},
                             json{{"limit", "5"}},
                             json{{"limit", 0}},
                             json{{"since", "noon"}},
                             json{{"cursor", 7}},
                             json{{"tool", nullptr}}}) {
        check_error(client().post("/v1/audit/query", body), 400, "invalid_argument");
    }
    check_error(client().post("/v1/audit/query?limit=1", {}), 400, "invalid_argument");
    for (const auto* path :
         {"/v1/audit", "/v1/audit/stats", "/v1/audit/verify", "/v1/audit/export"}) {
        check_error(stranger().get(path), 401, "unauthenticated");
    }
    BOOST_TEST(service.audited.queries().empty());
    BOOST_TEST(service.audited.spans().empty());
    BOOST_TEST(service.told.filters().empty());
}

BOOST_AUTO_TEST_CASE(the_predecessor_gets_its_entries)
{
    service.audited.answer.rows = {row_of(7), row_of(6, AuditRow::Kind::intent)};
    service.audited.answer.total = 12;
    const auto reply = client().post(
        "/v1/audit/query", {{"tool", "sandbox"}, {"since", "2026-09-21T14:13:20Z"}, {"limit", 2}});
    BOOST_TEST(reply.status == 200, reply.body);
    const auto told = reply.json();
    const json first{{"timestamp", common::to_rfc3339(common::from_unix_us(noon_us))},
                     {"tool", "sandbox"},
                     {"action", "sandbox.create"},
                     {"request_id", "req-1"},
                     {"error", {{"code", "no_capacity"}, {"message", "no room"}}},
                     {"row", expected_row()}};
    BOOST_REQUIRE(told["entries"].size() == 2U);
    BOOST_TEST(told["entries"][0] == first, reply.body);
    BOOST_TEST(!told["entries"][1].contains("error"));
    BOOST_TEST(told["has_more"] == false);
    BOOST_TEST(told["total_count"] == 12);
    const auto query = service.audited.queries().back();
    BOOST_TEST(query.tool.value_or("") == "sandbox");
    BOOST_TEST(query.limit == 2U);
    BOOST_TEST((query.total == AuditQuery::Total::counted));

    service.audited.answer.total.reset();
    const auto empty = client().send("POST", "/v1/audit/query", std::nullopt);
    BOOST_TEST(empty.status == 200, empty.body);
    BOOST_TEST(!empty.json().contains("total_count"));
}

BOOST_AUTO_TEST_CASE(an_export_is_a_row_a_line_until_all_is_told)
{
    const RawSocket raw{server.port()};
    raw.send(get("/v1/audit/export?after=5"));
    const auto head = raw.receive("\r\n\r\n");
    BOOST_TEST(head.find("Content-Type: application/x-ndjson") != std::string::npos, head);
    service.told.feed->put(row_of(7));
    const auto line = raw.receive("}\n");
    const auto row = json::parse(line.substr(line.find('{')));
    auto expected = expected_row();
    expected["payload"] = common::digest::to_base64(std::string{"\x01\x00\xff", 3});
    BOOST_TEST(row == expected, line);
    BOOST_TEST(service.told.filters().back().until_now);
    BOOST_TEST(!service.told.filters().back().target);
    AuditEvent end;
    end.seq = 7;
    end.ends = true;
    service.told.feed->put(end);
    raw.receive("0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(an_export_that_is_cut_off_is_not_taken_for_whole)
{
    service.told.feed->put(row_of(7));
    std::thread ends{[&] {
        while (service.told.feed->size() > 0) {
            std::this_thread::yield();
        }
        server.drain(std::chrono::seconds{5});
    }};
    std::string got;
    auto http = client();
    const auto reply = http.stream("GET",
                                   "/v1/audit/export",
                                   std::nullopt,
                                   {},
                                   [&](const client::ApiClient::Reply&, std::string_view piece) {
                                       got += piece;
                                       return true;
                                   });
    ends.join();
    BOOST_TEST(!reply.failure.empty());
}

BOOST_AUTO_TEST_CASE(a_verdict_names_the_first_row_that_does_not_fit)
{
    service.audited.verdict = AuditCheck{12, "abcd", std::nullopt};
    BOOST_TEST(client().get("/v1/audit/verify").json() ==
               (json{{"ok", true}, {"rows", 12}, {"head_hash", "abcd"}}));
    service.audited.verdict = AuditCheck{3, "ef", AuditCheck::Flaw{4, "it is missing"}};
    BOOST_TEST(client().get("/v1/audit/verify").json() == (json{{"ok", false},
                                                                {"rows", 3},
                                                                {"head_hash", "ef"},
                                                                {"broken_seq", 4},
                                                                {"why", "it is missing"}}));
    service.audited.verdict =
        common::Error{common::ErrorCode::rate_limited, "it is", "audit_being_verified"};
    check_error(client().get("/v1/audit/verify"), 429, "audit_being_verified");
}

BOOST_AUTO_TEST_CASE(counts_are_by_action_result_and_actor)
{
    auto& counted = service.audited.counted;
    counted.rows = 3;
    counted.first = 1;
    counted.last = 5;
    counted.complete = false;
    counted.actions["sandbox.create"] = {2, 1};
    counted.results["ok"] = 1;
    counted.actors["token:ci"] = 3;
    const auto reply = client().get("/v1/audit/stats?since=2026-09-21T14:13:20Z");
    const json expected{{"rows", 3},
                        {"first_seq", 1},
                        {"last_seq", 5},
                        {"complete", false},
                        {"actions", {{"sandbox.create", {{"intents", 2}, {"outcomes", 1}}}}},
                        {"results", {{"ok", 1}}},
                        {"actors", {{"token:ci", 3}}}};
    BOOST_TEST(reply.json() == expected, reply.body);
    BOOST_TEST(service.audited.spans().back().since.has_value());
    BOOST_TEST(!service.audited.spans().back().until.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
