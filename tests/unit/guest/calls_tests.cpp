#include "tests/unit/guest/running_agent.hpp"

#include <unistd.h>

// What the agent does itself when it is called; the services are those of the test.
namespace guest {

BOOST_AUTO_TEST_SUITE(calls_tests)

namespace {

int say_and_wait(std::string_view request)
{
    static_cast<void>(::write(STDOUT_FILENO, request.data(), request.size()));
    while (true) {
        ::pause();
    }
}

int echo(std::string_view request)
{
    char byte = 0;
    static_cast<void>(::write(STDOUT_FILENO, request.data(), request.size()));
    while (::read(STDIN_FILENO, &byte, 1) == 1) {
        static_cast<void>(::write(STDOUT_FILENO, &byte, 1));
    }
    return ::fcntl(3, F_GETFD) < 0 ? 7 : 8; // Nothing else is open.
}

struct CallsFixture {
    static proto::GuestExec call(const std::string& service)
    {
        auto exec = RunningAgent::shell("op-1", "");
        exec.live = true;
        exec.call = service;
        exec.request = "wanted";
        return exec;
    }
    proto::GuestFrame await(std::string_view kind)
    {
        while (true) {
            auto frame = agent.client->next(RunningAgent::soon());
            BOOST_REQUIRE(frame);
            if (frame->kind == kind) {
                return *std::move(frame);
            }
        }
    }

    RunningAgent agent{{},
                       {{"wait", plain_service(&say_and_wait)}, {"echo", plain_service(&echo)}}};
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_service_has_its_request_and_its_stdio_and_nothing_else, CallsFixture)
{
    auto exec = call("echo");
    exec.has_stdin = true;
    const auto outcome = agent.run(exec, " and what is sent");
    BOOST_TEST(outcome.out == "wanted and what is sent");
    BOOST_TEST(outcome.exit.exit_code == 7);
}

BOOST_FIXTURE_TEST_CASE(one_that_is_not_there_is_refused, CallsFixture)
{
    BOOST_TEST(agent.refusal(call("nothing")) == "no_such_call");
}

BOOST_FIXTURE_TEST_CASE(in_a_copy_of_its_guest_it_ends, CallsFixture)
{
    agent.surroundings.identity = "sbx-a";
    BOOST_REQUIRE(agent.client->send(1, call("wait")));
    await(proto::GuestOutput::kind);
    // Another host, to which this guest is a copy of that one.
    BOOST_REQUIRE(agent.client->greet(RunningAgent::soon()));
    proto::GuestBecome become;
    become.identity = "sbx-b";
    BOOST_REQUIRE(agent.client->send(0, become));
    await(proto::GuestBecame::kind);
    auto again = call("wait");
    again.resumed = true;
    BOOST_REQUIRE(agent.client->send(2, again));
    const auto exit =
        proto::decode_guest_body<proto::GuestExit>(await(proto::GuestExit::kind).body);
    BOOST_TEST(exit->signal == SIGTERM);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace guest
