#include "raw_socket.hpp"
#include "running_server.hpp"

#include <atomic>
#include <future>
#include <sstream>
#include <sys/resource.h>
#include <vector>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(wire_tests)

namespace {

const std::string authorized =
    "Host: localhost\r\nAuthorization: Bearer " + std::string{test_token} + "\r\n";

std::string get(const std::string& path)
{
    return "GET " + path + " HTTP/1.1\r\n" + authorized + "\r\n";
}

int count(const std::string& text, const std::string& what)
{
    int n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
        ++n;
    }
    return n;
}

std::string chunk(const std::string& data)
{
    std::ostringstream out;
    out << std::hex << data.size() << "\r\n" << data << "\r\n";
    return out.str();
}

const std::string valid_create = R"({"source_vm_name":"tiny","agent_id":"a"})";

} // namespace

BOOST_AUTO_TEST_CASE(a_body_over_the_cap_is_refused_though_the_length_is_given)
{
    RunningServer run;
    const auto reply = run.client().send("POST", "/v1/sandboxes", std::string(10 << 20, 'x'));
    // The client may still be sending when the answer comes; then it sees the close first.
    if (reply.status != 0) {
        check_error(reply, 413, "body_too_large");
    }
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized + "Content-Length: 1048577\r\n\r\n");
    const auto text = socket.receive("body_too_large");
    BOOST_TEST(text.starts_with("HTTP/1.1 413"), text);
    BOOST_TEST(text.find("Connection: close") != std::string::npos, text);
    BOOST_TEST(run.service.callers().empty());
}

BOOST_AUTO_TEST_CASE(a_chunked_body_over_the_cap_is_refused)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                "Transfer-Encoding: chunked\r\n\r\n");
    const auto piece = chunk(std::string(65536, 'x'));
    for (int i = 0; i < 17; ++i) {
        socket.send(piece);
    }
    const auto text = socket.receive("body_too_large");
    BOOST_TEST(text.starts_with("HTTP/1.1 413"), text);
}

BOOST_AUTO_TEST_CASE(endless_chunk_framing_is_bounded_too)
{
    auto options = test_options();
    options.max_body = common::Bytes::kib(4);
    RunningServer run{options};
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                "Transfer-Encoding: chunked\r\n\r\n1;");
    socket.send(std::string(256 << 10, 'e'));
    BOOST_TEST(socket.receive("request_id").starts_with("HTTP/1.1 413"));
}

BOOST_AUTO_TEST_CASE(a_chunked_body_under_the_cap_is_read)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                "Transfer-Encoding: chunked\r\n\r\n" + chunk(valid_create.substr(0, 7)) +
                chunk(valid_create.substr(7)) + "0\r\n\r\n" + get("/healthz"));
    const auto text = socket.receive(R"({"status":"ok"})");
    BOOST_TEST(text.starts_with("HTTP/1.1 201"), text);
    BOOST_TEST(count(text, "HTTP/1.1 200") == 1, text);
}

BOOST_AUTO_TEST_CASE(broken_chunks_are_refused_and_end_the_connection)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n");
    const auto text = socket.receive();
    BOOST_TEST(text.starts_with("HTTP/1.1 400"), text);
    BOOST_TEST(count(text, "HTTP/1.1") == 1, text);
}

BOOST_AUTO_TEST_CASE(a_refused_body_is_not_taken_for_the_next_request)
{
    RunningServer run;
    const auto inner = get("/v1/hosts");
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                std::to_string(inner.size()) + "\r\n\r\n" + inner);
    const auto text = socket.receive();
    BOOST_TEST(text.starts_with("HTTP/1.1 401"), text);
    BOOST_TEST(count(text, "HTTP/1.1") == 1, text);
    BOOST_TEST(run.service.callers().empty());
}

BOOST_AUTO_TEST_CASE(a_get_with_a_body_is_refused)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("GET /v1/hosts HTTP/1.1\r\n" + authorized + "Content-Length: 2\r\n\r\n{}");
    BOOST_TEST(socket.receive().starts_with("HTTP/1.1 400"));
}

BOOST_AUTO_TEST_CASE(smuggling_is_refused_before_anything_is_answered)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
                get("/v1/hosts"));
    const auto text = socket.receive();
    BOOST_TEST(text.starts_with("HTTP/1.1 400"), text);
    BOOST_TEST(text.find(R"("reason":"malformed_request")") != std::string::npos, text);
    BOOST_TEST(text.find("X-Request-ID: req-") != std::string::npos, text);
    BOOST_TEST(count(text, "HTTP/1.1 ") == 1, text);
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    std::string all;
    for (int i = 0; i < 20; ++i) {
        all += get(i % 2 == 0 ? "/healthz" : "/v1/nothing");
    }
    socket.send(all + "GET /version HTTP/1.1\r\nConnection: close\r\n" + authorized + "\r\n");
    const auto text = socket.receive();
    BOOST_TEST(count(text, "HTTP/1.1 200") == 11, text);
    BOOST_TEST(count(text, "HTTP/1.1 404") == 10, text);
    BOOST_TEST(text.find("paddock-coordinator") > text.rfind("no_such_route"), text);
}

BOOST_AUTO_TEST_CASE(a_client_that_stops_sending_still_gets_its_answer)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send(get("/healthz"));
    socket.end_sending();
    BOOST_TEST(socket.receive().find(R"({"status":"ok"})") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_in_the_middle_disturbs_nobody)
{
    RunningServer run;
    for (const std::string& sent :
         {std::string{},
          std::string{"GE"},
          get("/v1/hosts"),
          "POST /v1/sandboxes HTTP/1.1\r\n" + authorized + "Content-Length: 50\r\n\r\n{"}) {
        RawSocket socket{run.server.port()};
        socket.send(sent);
        socket.close();
    }
    BOOST_TEST(run.client().get("/healthz").status == 200);
}

BOOST_AUTO_TEST_CASE(a_client_that_waits_to_continue_is_told_to)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                "Expect: 100-continue\r\nContent-Length: " + std::to_string(valid_create.size()) +
                "\r\n\r\n");
    BOOST_TEST(socket.receive("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    socket.send(valid_create);
    BOOST_TEST(socket.receive("sandbox_name").starts_with("HTTP/1.1 201"));
}

BOOST_AUTO_TEST_CASE(a_stranger_is_not_told_to_continue)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                "Content-Length: 1000\r\n\r\n");
    BOOST_TEST(socket.receive("request_id").starts_with("HTTP/1.1 401"));
}

BOOST_AUTO_TEST_CASE(what_the_library_would_do_by_itself_does_not_happen)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    socket.send("GET /version HTTP/1.1\r\n" + authorized + "Range: bytes=0-3" +
                std::string(6000, ',') + "\r\nAccept-Encoding: gzip, br\r\n\r\n");
    const auto text = socket.receive("paddock-coordinator");
    BOOST_TEST(text.starts_with("HTTP/1.1 200"), text);
    BOOST_TEST(text.find("Content-Encoding") == std::string::npos, text);
    BOOST_TEST(text.find("Keep-Alive") == std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(very_long_targets_and_headers_are_bounded)
{
    RunningServer run;
    const RawSocket long_path{run.server.port()};
    long_path.send(get("/v1/hosts/" + std::string(20'000, 'a')));
    BOOST_TEST(long_path.receive("request_id").starts_with("HTTP/1.1 404"));
    const RawSocket too_long{run.server.port()};
    too_long.send("GET / HTTP/1.1\r\nX: " + std::string(40'000, 'a'));
    const auto text = too_long.receive();
    BOOST_TEST(text.starts_with("HTTP/1.1 431"), text);
    BOOST_TEST(text.find("head_too_large") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(slow_headers_run_out_of_time_and_hold_no_thread)
{
    auto options = test_options();
    options.threads = 2;
    options.head_timeout = std::chrono::milliseconds{1500};
    RunningServer run{options};
    std::vector<RawSocket> slow;
    for (int i = 0; i < 10; ++i) {
        slow.emplace_back(run.server.port()).send("GET /healthz HTTP/1.1\r\nHos");
    }
    BOOST_TEST(run.client().get("/healthz").status == 200); // More of them than threads.
    for (const auto& socket : slow) {
        BOOST_TEST(socket.receive().starts_with("HTTP/1.1 408"));
    }
}

BOOST_AUTO_TEST_CASE(a_slow_body_runs_out_of_time)
{
    auto options = test_options();
    options.body_timeout = std::chrono::milliseconds{200};
    RunningServer run{options};
    const RawSocket socket{run.server.port()};
    socket.send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized + "Content-Length: 100\r\n\r\n{");
    const auto text = socket.receive();
    BOOST_TEST(text.starts_with("HTTP/1.1 408"), text);
    BOOST_TEST(text.find("request_timeout") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(idle_connections_are_closed_silently)
{
    auto options = test_options();
    options.idle_timeout = std::chrono::milliseconds{100};
    RunningServer run{options};
    const RawSocket socket{run.server.port()};
    socket.send(get("/healthz"));
    const auto text = socket.receive();
    BOOST_TEST(count(text, "HTTP/1.1") == 1, text);
}

BOOST_AUTO_TEST_CASE(a_connection_serves_more_requests_than_the_librarys_five)
{
    RunningServer run;
    const RawSocket socket{run.server.port()};
    for (int i = 0; i < 200; ++i) {
        socket.send(get("/healthz"));
        BOOST_REQUIRE(socket.receive(R"({"status":"ok"})").starts_with("HTTP/1.1 200"));
    }
}

BOOST_AUTO_TEST_CASE(over_the_connection_bound_the_answer_is_503_and_close)
{
    auto options = test_options();
    options.max_connections = 3;
    RunningServer run{options};
    std::vector<RawSocket> held;
    for (int i = 0; i < 3; ++i) {
        held.emplace_back(run.server.port()).send(get("/healthz"));
        held.back().receive(R"({"status":"ok"})");
    }
    const RawSocket over{run.server.port()};
    over.send(get("/healthz"));
    const auto text = over.receive();
    BOOST_TEST(text.starts_with("HTTP/1.1 503"), text);
    BOOST_TEST(text.find("too_many_connections") != std::string::npos, text);
    BOOST_TEST(text.find("Retry-After: 1") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(over_the_queue_the_answer_is_503)
{
    auto options = test_options();
    options.threads = 1;
    options.queue = 1;
    RunningServer run{options};
    const auto id = run.service.add(Phase::running, "");
    std::promise<void> release;
    std::promise<void> entered;
    const auto released = release.get_future().share();
    std::atomic<int> calls{0};
    run.service.on_run = [&](const RunRequest&) -> common::Result<Command> {
        if (calls++ == 0) {
            entered.set_value();
        }
        released.wait_for(std::chrono::seconds{60});
        return Command{};
    };
    const std::string body = R"({"command":"x"})";
    const auto request = "POST /v1/sandboxes/" + id.str() + "/run HTTP/1.1\r\n" + authorized +
                         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    const RawSocket first{run.server.port()};
    first.send(request);
    entered.get_future().wait_for(std::chrono::seconds{20});
    // One of these waits in the queue, the others find it full.
    std::atomic<int> refused{0};
    std::promise<void> all_refused;
    std::vector<std::future<void>> more;
    for (int i = 0; i < 4; ++i) {
        more.push_back(std::async(std::launch::async, [&] {
            const RawSocket socket{run.server.port()};
            socket.send(request);
            if (socket.receive("\r\n\r\n").starts_with("HTTP/1.1 503") && ++refused == 3) {
                all_refused.set_value();
            }
        }));
    }
    BOOST_TEST(
        (all_refused.get_future().wait_for(std::chrono::seconds{30}) == std::future_status::ready));
    release.set_value();
    for (auto& one : more) {
        one.get();
    }
    BOOST_TEST(refused == 3);
}

BOOST_AUTO_TEST_CASE(a_thousand_idle_connections_leave_the_api_answering)
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2200) {
        BOOST_TEST_MESSAGE("SKIPPED: needs 2200 descriptors, may have " << limit.rlim_cur);
        return;
    }
    auto options = test_options();
    options.head_timeout = options.idle_timeout = std::chrono::minutes{10};
    RunningServer run{options};
    std::vector<RawSocket> idle;
    for (int i = 0; i < 1000; ++i) {
        idle.emplace_back(run.server.port());
        if (i % 2 == 0) {
            idle.back().send(get("/healthz"));
            BOOST_REQUIRE(idle.back().receive(R"({"status":"ok"})") != "");
        }
    }
    auto client = run.client();
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(client.get("/v1/hosts").status == 200);
    }
    BOOST_TEST(count(client.get("/metrics").body, "paddock_http_connections 1001\n") == 1);
    idle.front().send(get("/healthz")); // And those who waited are still served.
    BOOST_TEST(idle.front().receive(R"({"status":"ok"})") != "");
}

BOOST_AUTO_TEST_CASE(many_threads_at_once_get_their_own_answers)
{
    auto options = test_options();
    options.threads = 16; // A worker is not free at the very moment that its reply is read.
    RunningServer run{options};
    std::vector<common::SandboxId> ids;
    for (int i = 0; i < 8; ++i) {
        ids.push_back(run.service.add(Phase::running, ""));
    }
    std::vector<std::future<int>> callers;
    for (const auto& id : ids) {
        callers.push_back(std::async(std::launch::async, [&run, id] {
            auto client = run.client();
            int right = 0;
            for (int i = 0; i < 50; ++i) {
                right +=
                    client.get("/v1/sandboxes/" + id.str()).json()["sandbox"]["id"] == id.str();
            }
            return right;
        }));
    }
    for (auto& caller : callers) {
        BOOST_TEST(caller.get() == 50);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
