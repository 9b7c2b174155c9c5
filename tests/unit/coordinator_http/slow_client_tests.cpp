#include "raw_socket.hpp"
#include "running_server.hpp"

#include <future>
#include <vector>

namespace coordinator::http {

// What clients that send slowly, or do not read, can keep from others: no thread.
BOOST_AUTO_TEST_SUITE(slow_client_tests)

namespace {

const std::string authorized =
    "Host: localhost\r\nAuthorization: Bearer " + std::string{test_token} + "\r\n";

/// More than the buffers of a connection take.
constexpr std::size_t much = std::size_t{16} << 20U;

struct SlowFixture {
    void serve_much(RunningServer& run)
    {
        id = run.service.add(Phase::running, "").str();
        run.service.on_run = [this](const RunRequest&) {
            if (++answered == expected) {
                all_answered.set_value();
            }
            Command command;
            command.stdout_text = std::string(much, 'x');
            return command;
        };
    }
    [[nodiscard]] std::string run_request() const
    {
        const std::string body = R"({"command":"x"})";
        return "POST /v1/sandboxes/" + id + "/run HTTP/1.1\r\n" + authorized +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    [[nodiscard]] bool wait_answered()
    {
        return all_answered.get_future().wait_for(std::chrono::seconds{20}) ==
               std::future_status::ready;
    }

    std::string id;
    std::atomic<int> answered{0};
    int expected = 1;
    std::promise<void> all_answered;
};

const std::string last_request =
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

} // namespace

BOOST_AUTO_TEST_CASE(slow_bodies_leave_threads_for_health_and_are_bounded)
{
    RunningServer run; // Of its 8 threads 7 may wait.
    const auto half = "POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                      "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n";
    std::vector<RawSocket> slow;
    for (int i = 0; i < 7; ++i) {
        slow.emplace_back(run.server.port()).send(half);
        // It has its place when it is told to go on.
        BOOST_TEST(slow.back().receive("\r\n\r\n").starts_with("HTTP/1.1 100"));
    }
    const RawSocket over{run.server.port()};
    over.send(half);
    const auto refused = over.receive();
    BOOST_TEST(refused.starts_with("HTTP/1.1 429"), refused);
    BOOST_TEST(run.client().get("/healthz").status == 200);
    slow.clear();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    int status = 0;
    while (status != 200 && std::chrono::steady_clock::now() < until) {
        status = run.client().get("/v1/hosts").status; // Their places are given back.
    }
    BOOST_TEST(status == 200);
}

BOOST_AUTO_TEST_CASE(slow_uploads_leave_half_of_the_places_for_all_other_calls)
{
    RunningServer run; // Of its 8 threads 7 may wait, 3 of them for uploads.
    const auto path = "/v1/images/blobs/" + std::string(64, '0');
    const auto begun = "PUT " + path + " HTTP/1.1\r\n" + authorized +
                       "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n";
    std::vector<RawSocket> slow;
    for (int i = 0; i < 3; ++i) {
        slow.emplace_back(run.server.port()).send(begun);
        BOOST_TEST(slow.back().receive("\r\n\r\n").starts_with("HTTP/1.1 100"));
    }
    for (int i = 0; i < 5; ++i) { // One that is refused takes nobody's place.
        const auto refused = run.client().send("PUT", path, "x");
        check_error(refused, 429, "busy");
        BOOST_TEST(refused.headers.contains("retry-after"));
    }
    for (int i = 0; i < 4; ++i) {
        BOOST_TEST(run.client().get("/v1/hosts").status == 200);
        slow.emplace_back(run.server.port())
            .send("POST /v1/sandboxes HTTP/1.1\r\n" + authorized +
                  "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n");
        BOOST_TEST(slow.back().receive("\r\n\r\n").starts_with("HTTP/1.1 100"));
    }
    slow.clear();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    int status = 429;
    while (status == 429 && std::chrono::steady_clock::now() < until) {
        status = run.client().send("PUT", path, "x").status; // Their places are given back.
    }
    BOOST_TEST(status == 201);
}

BOOST_FIXTURE_TEST_CASE(replies_that_nobody_reads_hold_no_thread_and_arrive_whole_later,
                        SlowFixture)
{
    auto options = test_options();
    options.threads = 2;
    expected = 3;
    RunningServer run{options};
    serve_much(run);
    std::vector<RawSocket> clients;
    for (int i = 0; i < expected; ++i) {
        clients.emplace_back(run.server.port()).send(run_request() + last_request);
    }
    BOOST_REQUIRE(wait_answered());
    BOOST_TEST(run.client().get("/healthz").status == 200);
    for (const auto& client : clients) {
        const auto text = client.receive();
        BOOST_TEST(text.starts_with("HTTP/1.1 200"));
        BOOST_TEST(text.find(std::string(much, 'x')) != std::string::npos);
        BOOST_TEST(text.ends_with(R"({"status":"ok"})")); // What it asked for next.
    }
}

BOOST_FIXTURE_TEST_CASE(a_client_that_never_reads_is_cut_at_the_write_timeout, SlowFixture)
{
    auto options = test_options();
    options.write_timeout = std::chrono::milliseconds{200};
    RunningServer run{options};
    serve_much(run);
    const RawSocket client{run.server.port()};
    client.send(run_request());
    BOOST_REQUIRE(wait_answered());
    BOOST_TEST(run.server.drain(std::chrono::seconds{60})); // Nothing is left to be sent.
    BOOST_TEST(client.receive().size() < much);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_leaves_before_it_has_read_all_disturbs_nobody, SlowFixture)
{
    RunningServer run;
    serve_much(run);
    RawSocket client{run.server.port()};
    client.send(run_request());
    BOOST_REQUIRE(wait_answered());
    client.close();
    BOOST_TEST(run.client().get("/healthz").status == 200);
    BOOST_TEST(run.server.drain(std::chrono::seconds{60}));
}

BOOST_FIXTURE_TEST_CASE(draining_waits_for_a_reply_that_is_being_read, SlowFixture)
{
    RunningServer run;
    serve_much(run);
    const RawSocket client{run.server.port()};
    client.send(run_request());
    BOOST_REQUIRE(wait_answered());
    BOOST_TEST(!run.server.drain(std::chrono::milliseconds{100}));
    auto reading = std::async(std::launch::async, [&] { return client.receive().size(); });
    BOOST_TEST(run.server.drain(std::chrono::seconds{60}));
    BOOST_TEST(reading.get() > much);
}

BOOST_FIXTURE_TEST_CASE(what_waits_to_be_read_is_bounded_in_all, SlowFixture)
{
    expected = 4;
    auto options = test_options();
    options.max_unsent = common::Bytes{much + much / 16}; // One fits.
    RunningServer run{options};
    serve_much(run);
    std::vector<RawSocket> clients;
    for (int i = 0; i < expected; ++i) {
        clients.emplace_back(run.server.port()).send(run_request());
    }
    BOOST_REQUIRE(wait_answered());
    auto other = run.client();
    BOOST_TEST(other.get("/healthz").status == 200);
    // Once one is cut, reading makes no room for it any more.
    const auto uncut = "\npaddock_http_connections " + std::to_string(expected + 1) + "\n";
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (other.get("/metrics").body.find(uncut) != std::string::npos &&
           std::chrono::steady_clock::now() < until) {
    }
    int whole = 0;
    for (const auto& client : clients) {
        client.end_sending();
        whole += client.receive().size() > much ? 1 : 0;
    }
    BOOST_TEST(whole > 0);
    BOOST_TEST(whole < expected);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
