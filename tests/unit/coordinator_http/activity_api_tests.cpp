#include "raw_socket.hpp"
#include "running_server.hpp"

namespace coordinator::http {

namespace {

struct ActivityFixture : RunningServer {
    [[nodiscard]] std::string path() const { return "/v1/sandboxes/" + id + "/stream"; }
    [[nodiscard]] std::string follow(const std::string& headers = "") const
    {
        return "GET " + path() + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
               test_token + "\r\n" + headers + "\r\n";
    }
    static AuditEvent row(std::uint64_t seq,
                          const std::string& action,
                          AuditRow::Kind kind,
                          const std::string& detail)
    {
        AuditEvent event;
        event.seq = seq;
        event.at = common::from_unix_us(1'790'000'000'000'000);
        event.row.kind = kind;
        event.row.action = action;
        event.row.caller.actor = "token:tester";
        event.row.result = kind == AuditRow::Kind::outcome ? "ok" : "";
        event.row.detail = detail;
        return event;
    }

    std::string id = service.add(Phase::running, "").str();
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(activity_api_tests, ActivityFixture)

BOOST_AUTO_TEST_CASE(commands_and_changes_of_files_are_told_in_the_predecessors_words)
{
    const RawSocket reader{server.port()};
    reader.send(follow());
    const auto begin = reader.receive("command_history\",");
    BOOST_TEST(
        begin.find("event: connected\nid: 40\ndata: {\"type\":\"connected\",\"timestamp\":") !=
        std::string::npos);
    BOOST_TEST((service.told.filters().back().target == id));
    BOOST_TEST(service.told.filters().back().with_commands);
    using enum AuditRow::Kind;
    auto& feed = *service.told.feed;
    feed.put(row(41, "command.run", intent, R"({"command_id":"cmd-1","command":"ls"})"));
    feed.put(row(42, "sandbox.stop", outcome, "{}"));
    auto ended = row(43, "command.run", outcome, R"({"command_id":"cmd-1","exit_code":"2"})");
    Command command;
    command.id = common::CommandId{"cmd-1"};
    command.status = "finished";
    command.exit_code = 2;
    command.stdout_text = "out\n";
    command.stderr_text = "\xff";
    ended.command = std::make_shared<const Command>(command);
    feed.put(ended);
    feed.put(row(44, "file.write", intent, "{}"));
    feed.put(
        row(45, "file.write", outcome, R"({"command":"file write '/tmp/a b'","path":"/tmp/a b"})"));
    const auto told = reader.receive("/tmp/a b");
    BOOST_TEST(told.find("event: file_change\nid: 45\n") != std::string::npos);
    BOOST_TEST(told.find("event: command_start\nid: 41\n") != std::string::npos);
    BOOST_TEST(told.find("id: 42") == std::string::npos);
    BOOST_TEST(told.find(R"("stream":"stdout","data":"out\n","encoding":"utf-8")") !=
               std::string::npos);
    BOOST_TEST(told.find(R"("stream":"stderr","data":"/w==","encoding":"base64")") !=
               std::string::npos);
    BOOST_TEST(told.find(R"("exit_code":2,"result":"ok","status":"finished")") != std::string::npos,
               told);
    BOOST_TEST(told.find("id: 44") == std::string::npos);
    BOOST_TEST(told.find(R"("change":"write","path":"/tmp/a b")") != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(what_a_live_command_writes_comes_as_it_does_under_the_id_of_the_row_before)
{
    const auto command = service.live.record.id;
    const RawSocket reader{server.port()};
    reader.send(follow());
    reader.receive("command_history\",");
    service.told.feed->put(row(41,
                               "command.run",
                               AuditRow::Kind::intent,
                               R"({"command_id":")" + command.str() + R"(","command":"cat"})"));
    auto& watched = *service.live.watched;
    watched.put(WatchedBegin{command});
    watched.put_if_there_is_room(
        std::make_shared<const WatchedPiece>(WatchedPiece{command, false, 0, "out\n"}));
    watched.put_if_there_is_room(
        std::make_shared<const WatchedPiece>(WatchedPiece{command, true, 10, "\xff"}));
    auto told = reader.receive("base64");
    BOOST_TEST(told.find("event: command_output\nid: 41\n") > told.find("event: command_start\n"));
    BOOST_TEST(told.find(R"("seq":0,"stream":"stdout","data":"out\n","encoding":"utf-8")") !=
                   std::string::npos,
               told);
    BOOST_TEST(told.find(R"("seq":10,"missed_bytes":6,"stream":"stderr","data":"/w==")") !=
                   std::string::npos,
               told);
    service.told.feed->put(row(
        42, "command.run", AuditRow::Kind::outcome, R"({"command_id":")" + command.str() + "\"}"));
    watched.put(WatchedEnd{command, 12});
    told = reader.receive("event: command_end\nid: 42\n");
    BOOST_TEST(told.find(R"("seq":12,"missed_bytes":1})") != std::string::npos, told);
    server.drain(std::chrono::seconds{5});
    reader.receive("event: interrupted\nid: 42\n");
}

BOOST_AUTO_TEST_CASE(who_comes_back_goes_on_without_history)
{
    const RawSocket reader{server.port()};
    reader.send(follow("Last-Event-ID: 7\r\n"));
    reader.receive("event: connected\nid: 7\n");
    service.told.feed->put(row(8, "command.run", AuditRow::Kind::outcome, "not json"));
    const auto told = reader.receive("event: command_end\nid: 8\n");
    BOOST_TEST(told.find("command_history") == std::string::npos);
    server.drain(std::chrono::seconds{5});
    reader.receive("event: interrupted\nid: 8\n");
}

BOOST_AUTO_TEST_CASE(what_is_no_request_for_it_is_refused)
{
    check_error(client().get("/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa/stream"), 404, "not_found");
    check_error(client().get(path() + "?since=1"), 400, "invalid_argument");
    const RawSocket socket{server.port()};
    socket.send(follow("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    const auto reply = socket.receive("use_event_stream");
    BOOST_TEST(reply.starts_with("HTTP/1.1 426 "));
    BOOST_TEST(reply.find(path()) != std::string::npos);
    BOOST_TEST(reply.find("Upgrade: HTTP/1.1\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
