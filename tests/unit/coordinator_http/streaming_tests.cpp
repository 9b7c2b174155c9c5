#include "raw_socket.hpp"
#include "running_server.hpp"

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

namespace coordinator::http {

// Replies that come about while they are sent, over real sockets.
BOOST_AUTO_TEST_SUITE(streaming_tests)

namespace {

const std::string authorized =
    "Host: localhost\r\nAuthorization: Bearer " + std::string{test_token} + "\r\n";

struct StreamFixture {
    StreamFixture() = default;
    explicit StreamFixture(const Options& options) : run{options} {}

    [[nodiscard]] std::string path() const
    {
        return "/v1/sandboxes/" + id + "/exec/" + run.service.live.record.id.str();
    }
    [[nodiscard]] std::string request(const std::string& query = "",
                                      const std::string& headers = "") const
    {
        return "GET " + path() + query + " HTTP/1.1\r\n" + authorized + headers + "\r\n";
    }
    void write(std::uint64_t position, std::string data, bool of_stderr = false) const
    {
        run.service.live.feed->put(ExecFeed::Output{of_stderr, position, std::move(data)});
    }
    void end(std::uint64_t position) const
    {
        auto record = run.service.live.record;
        record.status = "finished";
        record.exit_code = 3;
        run.service.live.feed->put(ExecFeed::Ended{position, record});
    }
    [[nodiscard]] bool waits_for(const std::function<bool()>& what) const
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (!what() && std::chrono::steady_clock::now() < until) {
            std::this_thread::yield();
        }
        return what();
    }

    RunningServer run;
    std::string id = run.service.add(Phase::running, "").str();
};

Options impatient()
{
    auto options = test_options();
    options.stream_silence = std::chrono::milliseconds{50};
    options.write_timeout = std::chrono::milliseconds{300};
    return options;
}
struct Impatient : StreamFixture {
    Impatient() : StreamFixture{impatient()} {}
};

Options few()
{
    auto options = test_options();
    options.max_streams = 2;
    return options;
}
struct Few : StreamFixture {
    Few() : StreamFixture{few()} {}
};

} // namespace

BOOST_FIXTURE_TEST_CASE(events_leave_as_they_come_and_the_connection_goes_on, StreamFixture)
{
    const RawSocket client{run.server.port()};
    client.send(request());
    const auto begin = client.receive("\"running\"");
    BOOST_TEST(begin.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"), begin);
    BOOST_TEST(begin.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    BOOST_TEST(begin.find("X-Request-ID: ") != std::string::npos);
    BOOST_TEST(begin.find("event: start\nid: 0\n") != std::string::npos, begin);
    write(0, "hello");
    BOOST_TEST(client.receive("}\n\n").find("event: stdout\nid: 5\ndata: "
                                            R"({"seq":0,"data":"hello","encoding":"utf-8"})") !=
               std::string::npos);
    write(5, "\xFF", true);
    BOOST_TEST(client.receive("}\n\n").find("event: stderr\nid: 6\ndata: "
                                            R"({"seq":5,"data":"/w==","encoding":"base64"})") !=
               std::string::npos);
    end(6);
    const auto last = client.receive("\r\n0\r\n\r\n");
    BOOST_TEST(last.find("event: exit\nid: 6\n") != std::string::npos, last);
    BOOST_TEST(run.service.live.taken == 6U);
    BOOST_TEST(waits_for([this] { return run.service.live.closed.load(); }));
    client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    BOOST_TEST(client.receive().starts_with("HTTP/1.1 200"));
}

BOOST_FIXTURE_TEST_CASE(one_that_is_to_close_gets_no_chunks, StreamFixture)
{
    write(0, "abc");
    end(3);
    const RawSocket client{run.server.port()};
    client.send(request("?from=0", "Connection: close\r\n"));
    const auto all = client.receive();
    BOOST_TEST(all.find("chunked") == std::string::npos);
    BOOST_TEST(all.ends_with("}\n\n"), all);
    BOOST_TEST(all.find("event: exit") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(one_of_http_1_0_gets_none_either_though_it_would_go_on, StreamFixture)
{
    write(0, "abc");
    end(3);
    const RawSocket client{run.server.port()};
    client.send("GET " + path() + " HTTP/1.0\r\n" + authorized + "Connection: keep-alive\r\n\r\n");
    const auto all = client.receive();
    BOOST_TEST(all.find("chunked") == std::string::npos, all);
    BOOST_TEST(all.find("\r\nConnection: close\r\n") != std::string::npos, all);
    BOOST_TEST(all.find("\r\n\r\nevent: start\n") != std::string::npos, all);
    BOOST_TEST(all.ends_with("}\n\n"), all);
}

BOOST_FIXTURE_TEST_CASE(reading_goes_on_from_the_query_or_the_last_event, StreamFixture)
{
    end(9);
    RawSocket{run.server.port()}.send(request("?from=7"));
    BOOST_TEST(waits_for([this] { return run.service.live.read_from == 7; }));
    RawSocket{run.server.port()}.send(request("", "Last-Event-ID: 8\r\n"));
    BOOST_TEST(waits_for([this] { return run.service.live.read_from == 8; }));
    for (const auto* wrong : {"?from=-1", "?from=x", "?from=1&from=2", "?to=1"}) {
        check_error(run.client().get(path() + wrong), 400, "invalid_argument");
    }
}

BOOST_FIXTURE_TEST_CASE(a_client_that_goes_is_noticed_while_nothing_is_written, StreamFixture)
{
    {
        RawSocket client{run.server.port()};
        client.send(request());
        client.receive("event: start");
        BOOST_TEST(!run.service.live.closed);
    }
    BOOST_TEST(waits_for([this] { return run.service.live.closed.load(); }));
}

BOOST_FIXTURE_TEST_CASE(what_a_slow_client_does_not_take_stays_where_it_is, StreamFixture)
{
    constexpr std::uint64_t size = 60'000;
    constexpr std::uint64_t pieces = 400;
    RawSocket client{run.server.port()};
    client.send(request("", "Connection: close\r\n"));
    client.receive("event: start");
    for (std::uint64_t i = 0; i < pieces; ++i) {
        write(i * size, std::string(size, 'x'));
    }
    end(pieces * size);
    // What the two sockets and one piece in hand take.
    BOOST_TEST(waits_for([this] { return run.service.live.taken > 0; }));
    BOOST_TEST(run.client().get("/healthz").status == 200);
    BOOST_TEST(run.service.live.taken < pieces * size);
    const auto rest = client.receive();
    BOOST_TEST(run.service.live.taken == pieces * size);
    BOOST_TEST(std::count(rest.begin(), rest.end(), 'x') > 20'000'000);
}

BOOST_FIXTURE_TEST_CASE(silence_is_broken_by_a_sign_of_life, Impatient)
{
    const RawSocket client{run.server.port()};
    client.send(request());
    client.receive("event: keepalive\nid: 0\ndata: {}\n\n");
    write(0, "abc");
    client.receive("event: keepalive\nid: 3\ndata: {}\n\n");
    BOOST_TEST(!run.service.live.closed);
}

BOOST_FIXTURE_TEST_CASE(one_that_takes_nothing_is_let_go, Impatient)
{
    RawSocket client{run.server.port()};
    client.send(request());
    client.receive("event: start");
    for (std::uint64_t i = 0; i < 400; ++i) {
        write(i * 60'000, std::string(60'000, 'x'));
    }
    BOOST_TEST(waits_for([this] { return run.service.live.closed.load(); }));
}

BOOST_FIXTURE_TEST_CASE(there_are_only_so_many, Few)
{
    std::vector<RawSocket> open;
    for (int i = 0; i < 2; ++i) {
        open.emplace_back(run.server.port()).send(request());
        open.back().receive("HTTP/1.1 200");
    }
    const RawSocket third{run.server.port()};
    third.send(request());
    const auto refused = third.receive();
    BOOST_TEST(refused.starts_with("HTTP/1.1 503"), refused);
    BOOST_TEST(refused.find("too_many_streams") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_head_request_opens_none, StreamFixture)
{
    const RawSocket client{run.server.port()};
    client.send("HEAD " + path() + " HTTP/1.1\r\n" + authorized + "\r\n");
    const auto head = client.receive();
    BOOST_TEST(head.starts_with("HTTP/1.1 200 OK\r\n"), head);
    BOOST_TEST(head.ends_with("\r\n\r\n"));
    BOOST_TEST(waits_for([this] { return run.service.live.closed.load(); }));
}

BOOST_FIXTURE_TEST_CASE(the_end_of_the_server_ends_them, StreamFixture)
{
    const RawSocket client{run.server.port()};
    client.send(request());
    client.receive("event: start");
    write(0, "abc");
    client.receive("event: stdout");
    BOOST_TEST(run.server.drain(std::chrono::seconds{5}));
    BOOST_TEST(waits_for([this] { return run.service.live.closed.load(); }));
    run.server.stop();
    const auto last = client.receive();
    BOOST_TEST(last.find("event: interrupted\nid: 3\ndata: {\"retry_from\":3}\n\n") !=
                   std::string::npos,
               last);
    BOOST_TEST(last.ends_with("\r\n0\r\n\r\n"), last);
    write(3, "nobody hears it");
}

BOOST_FIXTURE_TEST_CASE(the_end_of_the_server_ends_one_that_is_to_close, StreamFixture)
{
    const RawSocket client{run.server.port()};
    client.send(request("?from=7", "Connection: close\r\n"));
    client.receive("event: start");
    BOOST_TEST(run.server.drain(std::chrono::seconds{5}));
    BOOST_TEST(
        client.receive().ends_with("event: interrupted\nid: 7\ndata: {\"retry_from\":7}\n\n"));
}

BOOST_FIXTURE_TEST_CASE(one_that_has_not_taken_all_is_cut_at_the_end_of_the_server, StreamFixture)
{
    const RawSocket client{run.server.port()};
    client.send(request());
    client.receive("event: start");
    write(0, std::string(12'000'000, 'x'));
    BOOST_TEST(waits_for([this] { return run.service.live.taken > 0; }));
    BOOST_TEST(run.server.drain(std::chrono::seconds{5}));
    BOOST_TEST(waits_for([this] { return run.service.live.closed.load(); }));
    const auto rest = client.receive();
    BOOST_TEST((rest.find("interrupted") == std::string::npos));
    BOOST_TEST(!rest.ends_with("0\r\n\r\n"));
}

BOOST_FIXTURE_TEST_CASE(what_is_given_to_it_is_taken_apart, StreamFixture)
{
    const auto give = [this](const std::string& what, const std::string& body) {
        return run.client().send("POST", path() + what, body);
    };
    BOOST_TEST(give("/stdin", R"({"data":"hé"})").status == 204);
    BOOST_TEST(give("/stdin", R"({"data_base64":"AP8=","eof":true})").status == 204);
    BOOST_TEST(give("/signal", R"({"signal":"SIGTERM"})").status == 204);
    BOOST_TEST(give("/resize", R"({"rows":10,"cols":20})").status == 204);
    const auto inputs = run.service.live.inputs();
    BOOST_REQUIRE(inputs.size() == 4U);
    BOOST_TEST(std::get<StdinPiece>(inputs[0]).data == "hé");
    BOOST_TEST(std::get<StdinPiece>(inputs[1]).data == std::string("\0\xFF", 2));
    BOOST_TEST(std::get<StdinPiece>(inputs[1]).eof);
    BOOST_TEST(std::get<ExecSignal>(inputs[2]).number == 15);
    BOOST_TEST(std::get<TerminalSize>(inputs[3]).columns == 20);
    for (const auto& [what, body] : std::vector<std::pair<std::string, std::string>>{
             {"/stdin", "{}"},
             {"/stdin", R"({"data":"x","data_base64":"eA=="})"},
             {"/stdin", R"({"data_base64":"x"})"},
             {"/stdin", R"({"data":1})"},
             {"/stdin", R"({"data":")" + std::string(65'537, 'x') + R"("})"},
             {"/signal", "{}"},
             {"/signal", R"({"signal":"PIPE9"})"},
             {"/signal", R"({"signal":9})"},
             {"/resize", R"({"rows":10})"},
             {"/resize", R"({"rows":0,"cols":10})"},
             {"/resize", R"({"rows":10,"cols":1001})"}}) {
        check_error(give(what, body), 400, "invalid_argument");
    }
    BOOST_TEST(run.service.live.inputs().size() == 4U);
}

BOOST_FIXTURE_TEST_CASE(one_is_started_once_under_a_key_and_read_again, StreamFixture)
{
    const auto start = [this](const std::string& body) {
        return "POST /v1/sandboxes/" + id + "/exec HTTP/1.1\r\n" + authorized +
               "Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    const std::string attached = R"({"cmd":["cat"]})";
    write(0, "hello");
    for (const bool again : {false, true}) {
        const RawSocket client{run.server.port()};
        client.send(start(attached));
        const auto begin = client.receive("\"running\"");
        BOOST_TEST(begin.starts_with("HTTP/1.1 200"), begin);
        BOOST_TEST((begin.find("Idempotency-Replayed: true") != std::string::npos) == again, begin);
        BOOST_TEST(begin.find("Content-Type: text/event-stream") != std::string::npos, begin);
        BOOST_TEST(begin.find("event: start") != std::string::npos, begin);
    }
    BOOST_TEST(run.service.live.begun().size() == 1U);
    const RawSocket other{run.server.port()};
    other.send(start(R"({"cmd":["dog"]})"));
    const auto refused = other.receive("}");
    BOOST_TEST(refused.starts_with("HTTP/1.1 409"), refused);
    BOOST_TEST(refused.find("idempotency_key_reused") != std::string::npos, refused);
}

BOOST_FIXTURE_TEST_CASE(what_is_given_to_a_command_under_a_key_reaches_it_once, StreamFixture)
{
    std::size_t given = 0;
    for (const auto& [what, body] : std::vector<std::pair<std::string, std::string>>{
             {"/stdin", R"({"data":"x"})"},
             {"/signal", R"({"signal":"TERM"})"},
             {"/resize", R"({"rows":10,"cols":20})"}}) {
        const auto ask = [&, &what = what, &body = body](const std::string& key) {
            return run.client().post(
                path() + what, nlohmann::json::parse(body), {{"Idempotency-Key", key}});
        };
        for (const bool again : {false, true}) {
            const auto reply = ask(what);
            BOOST_TEST(reply.status == 204, reply.body);
            BOOST_TEST(reply.headers.contains("idempotency-replayed") == again);
        }
        BOOST_TEST(run.service.live.inputs().size() == ++given);
        check_error(ask("refused" + what + std::string(300, 'k')), 400, "invalid_argument");
        run.key_store.crash();
        BOOST_TEST(ask(what).status == 204); // Its answer is on record.
    }
    BOOST_TEST(run.service.live.inputs().size() == given);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
