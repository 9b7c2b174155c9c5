#include "running_server.hpp"

#include "raw_socket.hpp"

#include <future>

namespace coordinator::http {

BOOST_AUTO_TEST_SUITE(server_tests)

namespace {

/// Holds every run until it is released.
class Gate {
public:
    void open() { promise_.set_value(); }
    common::Result<Command> pass()
    {
        entered_.set_value();
        released_.wait_for(std::chrono::seconds{20});
        Command command;
        command.stdout_text = "done";
        return command;
    }
    void wait_entered() { entered_.get_future().wait_for(std::chrono::seconds{20}); }

private:
    std::promise<void> promise_;
    std::shared_future<void> released_{promise_.get_future()};
    std::promise<void> entered_;
};

} // namespace

BOOST_AUTO_TEST_CASE(options_that_must_not_stand_are_refused)
{
    Backend backend;
    auto no_token = test_options();
    no_token.tokens.clear();
    BOOST_TEST(!Server(no_token,
                       backend.service,
                       backend.records,
                       backend.guests,
                       backend.clock,
                       backend.keys)
                    .start());
    auto open_to_all = test_options();
    open_to_all.auth = Auth::none;
    open_to_all.address = "0.0.0.0";
    BOOST_TEST(!Server(open_to_all,
                       backend.service,
                       backend.records,
                       backend.guests,
                       backend.clock,
                       backend.keys)
                    .start());
    auto no_address = test_options();
    no_address.address = "localhost";
    BOOST_TEST(!Server(no_address,
                       backend.service,
                       backend.records,
                       backend.guests,
                       backend.clock,
                       backend.keys)
                    .start());
}

BOOST_AUTO_TEST_CASE(a_taken_port_is_said_so)
{
    RunningServer first;
    auto options = test_options();
    options.port = first.server.port();
    Backend backend;
    Server second{
        options, backend.service, backend.records, backend.guests, backend.clock, backend.keys};
    const auto started = second.start();
    BOOST_REQUIRE(!started);
    BOOST_TEST((started.error().code == common::ErrorCode::unavailable));
    BOOST_TEST(started.error().message.find("127.0.0.1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_authentication_works_on_loopback)
{
    auto options = test_options();
    options.auth = Auth::none;
    options.tokens.clear();
    RunningServer run{options};
    BOOST_TEST(run.stranger().get("/v1/hosts").status == 200);
    BOOST_TEST(run.service.callers().front().actor == "anonymous");
}

BOOST_AUTO_TEST_CASE(ipv6_is_served)
{
    auto options = test_options();
    options.address = "::1";
    Backend backend;
    Server server{
        options, backend.service, backend.records, backend.guests, backend.clock, backend.keys};
    if (const auto started = server.start(); !started) {
        BOOST_TEST_MESSAGE("no IPv6 loopback here: " << started.error().message);
        return;
    }
    client::ApiClient client{"http://[::1]:" + std::to_string(server.port()), test_token};
    BOOST_TEST(client.get("/v1/hosts").status == 200);
}

BOOST_AUTO_TEST_CASE(draining_lets_a_request_finish_and_takes_no_new_one)
{
    RunningServer run;
    const auto id = run.service.add(Phase::running, "");
    Gate gate;
    run.service.on_run = [&](const RunRequest&) { return gate.pass(); };
    const RawSocket idle{run.server.port()};
    auto reply = std::async(std::launch::async, [&] {
        return run.client().post("/v1/sandboxes/" + id.str() + "/run", {{"command", "x"}});
    });
    gate.wait_entered();
    BOOST_TEST(!run.server.drain(std::chrono::milliseconds{50}));
    BOOST_TEST(idle.receive() == ""); // Closed.
    BOOST_TEST(run.client().get("/healthz").status == 0);
    gate.open();
    BOOST_TEST(run.server.drain(std::chrono::seconds{10}));
    const auto ran = reply.get();
    BOOST_TEST(ran.status == 200);
    BOOST_TEST(ran.headers.at("connection") == "close");
    run.server.stop();
}

BOOST_AUTO_TEST_CASE(health_is_answered_while_everybody_waits_for_a_command)
{
    RunningServer run; // Of its 8 threads 7 may wait.
    const auto id = run.service.add(Phase::running, "");
    std::promise<void> release;
    const auto released = release.get_future().share();
    std::atomic<int> inside{0};
    std::promise<void> all_inside;
    run.service.on_run = [&](const RunRequest&) -> common::Result<Command> {
        if (++inside == 7) {
            all_inside.set_value();
        }
        released.wait_for(std::chrono::seconds{20});
        return Command{};
    };
    const auto ask = [&] {
        return run.client().post("/v1/sandboxes/" + id.str() + "/run", {{"command", "x"}});
    };
    std::vector<std::future<client::ApiClient::Reply>> waiting;
    for (int i = 0; i < 7; ++i) {
        waiting.push_back(std::async(std::launch::async, ask));
    }
    BOOST_REQUIRE(
        (all_inside.get_future().wait_for(std::chrono::seconds{20}) == std::future_status::ready));
    const auto refused = ask();
    check_error(refused, 429, "busy");
    BOOST_TEST(refused.headers.contains("retry-after"));
    BOOST_TEST(run.client().get("/healthz").status == 200);
    release.set_value();
    for (auto& one : waiting) {
        BOOST_TEST(one.get().status == 200);
    }
    BOOST_TEST(ask().status == 200);
}

BOOST_AUTO_TEST_CASE(stop_cuts_slow_clients_and_may_be_repeated)
{
    RunningServer run;
    const RawSocket half{run.server.port()};
    half.send("POST /v1/sandboxes HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " +
              std::string{test_token} + "\r\nContent-Length: 100\r\n\r\n{");
    BOOST_TEST(run.client().get("/healthz").status == 200);
    run.server.stop();
    run.server.stop();
    half.receive();
}

BOOST_AUTO_TEST_CASE(a_command_longer_than_every_timeout_is_not_cut)
{
    auto options = test_options();
    options.idle_timeout = options.head_timeout = options.body_timeout = options.write_timeout =
        std::chrono::seconds{2};
    RunningServer run{options};
    const auto id = run.service.add(Phase::running, "");
    Gate gate;
    run.service.on_run = [&](const RunRequest&) { return gate.pass(); };
    auto reply = std::async(std::launch::async, [&] {
        return run.client().post("/v1/sandboxes/" + id.str() + "/run", {{"command", "x"}});
    });
    gate.wait_entered();
    BOOST_TEST((reply.wait_for(std::chrono::seconds{4}) == std::future_status::timeout));
    gate.open();
    BOOST_TEST(reply.get().status == 200);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace coordinator::http
