#include "tests/unit/hostd_guest/channel_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using common::ErrorCode;

BOOST_FIXTURE_TEST_SUITE(guest_channels_tests, ChannelFixture)

BOOST_AUTO_TEST_CASE(a_hello_after_the_echo_makes_the_guest_ready_and_tells_it_who_it_is)
{
    agent.accept();
    agent.echo();
    agent.send(0, ScriptedAgent::hello("boot-7"));
    const auto become = agent.expect_body<proto::GuestBecome>();
    BOOST_TEST(become.hostname == "box");
    BOOST_TEST(become.time_unix_us > 0);
    BOOST_TEST(become.identity == "sbx-1");
    BOOST_TEST(become.seed.size() == 32U);
    BOOST_TEST(become.mac == "52:54:00:00:00:01");
    BOOST_TEST(become.ip == "10.64.0.2");
    BOOST_TEST(await(Kind::ready).boot_id == "boot-7");
}

BOOST_AUTO_TEST_CASE(the_handshake_may_be_cut_at_every_byte)
{
    agent.accept();
    const auto whole = "left over" + agent.echo_bytes() + agent.frame(0, ScriptedAgent::hello());
    agent.drop();
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        agent.accept();
        const auto bytes =
            "left over" + agent.echo_bytes() + agent.frame(0, ScriptedAgent::hello());
        agent.raw(std::string_view{bytes}.substr(0, cut));
        agent.drop();
    }
    ready();
    BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(the_handshake_may_come_byte_by_byte)
{
    agent.accept();
    const auto bytes = agent.echo_bytes() + agent.frame(0, ScriptedAgent::hello());
    for (const char byte : bytes) {
        agent.raw({&byte, 1});
    }
    static_cast<void>(await(Kind::ready));
}

BOOST_AUTO_TEST_CASE(a_command_gives_its_output_and_exit)
{
    ready();
    exec(shell("op-1", "echo hi"));
    std::uint32_t stream = 0;
    const auto exec = agent.expect_body<proto::GuestExec>(&stream);
    BOOST_TEST(!exec.resumed);
    BOOST_TEST(exec.shell == "echo hi");
    BOOST_TEST(exec.user == "sandbox");
    BOOST_TEST(exec.timeout_ms == 30000U);
    BOOST_TEST(exec.output_limit_bytes == 1U << 20U);
    agent.send(stream, proto::GuestStarted{7});
    agent.send(stream, proto::GuestOutput{"stdout", 0, "hi\n"});
    agent.send(stream, proto::GuestOutput{"stderr", 0, "oh"});
    agent.send(stream, proto::GuestExit{3, 0, false, 3, 2, 10});
    const auto outcome = outcomes.take();
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->stdout_bytes == "hi\n");
    BOOST_TEST(outcome->stderr_bytes == "oh");
    BOOST_TEST(outcome->exit_code == 3);
    channels.acknowledge(id, common::OperationId{"op-1"});
    BOOST_TEST(agent.expect_body<proto::GuestExecAck>().operation_id == "op-1");
}

BOOST_AUTO_TEST_CASE(a_repeat_joins_the_running_command)
{
    ready();
    exec(shell("op-1", "true"));
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    exec(shell("op-1", "true"));
    exec(shell("op-2", "false"));
    BOOST_TEST(agent.expect_body<proto::GuestExec>().operation_id == "op-2");
    agent.send(stream, proto::GuestExit{});
    BOOST_TEST(outcomes.take().has_value());
    BOOST_TEST(outcomes.take().has_value());
}

BOOST_AUTO_TEST_CASE(a_lost_channel_completes_nothing_and_the_agent_replays)
{
    ready();
    exec(shell("op-1", "slow"));
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    agent.send(stream, proto::GuestOutput{"stdout", 0, "half"});
    agent.drop();
    static_cast<void>(await(Kind::lost));
    BOOST_TEST(outcomes.empty());
    agent.greet();
    std::uint32_t again = 0;
    const auto exec = agent.expect_body<proto::GuestExec>(&again);
    BOOST_TEST(exec.operation_id == "op-1");
    BOOST_TEST(exec.resumed);
    BOOST_TEST(again != stream);
    agent.send(again, proto::GuestOutput{"stdout", 0, "half and half"});
    agent.send(again, proto::GuestExit{0, 0, false, 13, 0, 1});
    BOOST_TEST(outcomes.take()->stdout_bytes == "half and half");
}

BOOST_AUTO_TEST_CASE(a_reboot_leaves_the_outcome_unknown_and_nothing_runs_again)
{
    ready();
    exec(shell("op-1", "slow"));
    static_cast<void>(agent.expect_body<proto::GuestExec>());
    agent.drop();
    agent.greet("boot-2");
    const auto outcome = outcomes.take();
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == ErrorCode::timeout);
    BOOST_TEST(outcome.error().reason == "outcome_unknown");
    exec(shell("op-2", "next"));
    BOOST_TEST(agent.expect_body<proto::GuestExec>().operation_id == "op-2");
}

BOOST_AUTO_TEST_CASE(without_a_session_a_command_is_not_ready)
{
    exec(shell("op-1", "true"));
    const auto outcome = outcomes.take();
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == ErrorCode::unavailable);
    BOOST_TEST(outcome.error().reason == "agent_not_ready");
    BOOST_TEST(!channels.request_shutdown(id));
    BOOST_TEST(!channels.request_shutdown(common::SandboxId{"sbx-other"}));
}

BOOST_AUTO_TEST_CASE(detaching_leaves_running_commands_unknown)
{
    ready();
    exec(shell("op-1", "slow"));
    static_cast<void>(agent.expect_body<proto::GuestExec>());
    channels.detach(id, std::nullopt);
    BOOST_TEST(outcomes.take().error().reason == "outcome_unknown");
    agent.await_close();
}

BOOST_AUTO_TEST_CASE(detaching_with_a_reason_tells_it_to_the_running_commands)
{
    ready();
    exec(shell("op-1", "slow"));
    static_cast<void>(agent.expect_body<proto::GuestExec>());
    channels.detach(id, common::Error{ErrorCode::refused, "it was restored", "restored"});
    BOOST_TEST(outcomes.take().error().reason == "restored");
}

BOOST_AUTO_TEST_CASE(a_shutdown_reaches_a_ready_guest)
{
    ready();
    // Readiness is seen by other threads a moment after the event.
    while (!channels.request_shutdown(id)) {
    }
    static_cast<void>(agent.expect(proto::GuestShutdown::kind));
}

BOOST_AUTO_TEST_CASE(two_mebibytes_of_stdin_arrive_whole_by_credit)
{
    ready();
    auto spec = shell("op-1", "cat");
    spec.stdin_bytes.assign(2U << 20U, 's');
    exec(spec);
    std::uint32_t stream = 0;
    BOOST_TEST(agent.expect_body<proto::GuestExec>(&stream).has_stdin);
    std::size_t got = 0;
    for (bool eof = false; !eof;) {
        const auto piece = agent.expect_body<proto::GuestStdin>();
        BOOST_TEST(piece.offset == got);
        got += piece.data.size();
        eof = piece.eof;
        agent.send(stream,
                   proto::GuestCredit{"stdin", static_cast<std::uint32_t>(piece.data.size())});
    }
    BOOST_TEST(got == spec.stdin_bytes.size());
}

BOOST_AUTO_TEST_CASE(a_command_that_cannot_be_framed_is_too_large)
{
    ready();
    exec(shell("op-1", std::string(proto::max_exec_bytes, 'x')));
    BOOST_CHECK(outcomes.take().error().code == ErrorCode::too_large);
}

BOOST_AUTO_TEST_CASE(a_command_that_the_agent_refuses_says_why)
{
    ready();
    exec(shell("op-1", "true"));
    std::uint32_t stream = 0;
    static_cast<void>(agent.expect_body<proto::GuestExec>(&stream));
    agent.send(stream, proto::GuestExecError{"no_such_cwd", "/nowhere"});
    const auto outcome = outcomes.take();
    BOOST_CHECK(outcome.error().code == ErrorCode::refused);
    BOOST_TEST(outcome.error().reason == "no_such_cwd");
}

BOOST_AUTO_TEST_CASE(addresses_are_passed_on_when_they_change)
{
    ready();
    agent.send(0, proto::GuestNet{{"eth0 52:54:00:00:00:01 10.0.0.7/24"}});
    BOOST_TEST(await(Kind::addresses).addresses.at(0) == "10.0.0.7");
}

BOOST_AUTO_TEST_SUITE_END()
