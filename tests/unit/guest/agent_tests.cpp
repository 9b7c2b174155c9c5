#include "tests/unit/guest/running_agent.hpp"

using namespace guest;

namespace {

// ThreadSanitizer makes a fork of each vfork: the child's word why it failed reaches nobody.
#if defined(PADDOCK_UNDER_TSAN)
constexpr bool vfork_shares_memory = false;
#else
constexpr bool vfork_shares_memory = true;
#endif

} // namespace

BOOST_AUTO_TEST_SUITE(agent_tests)

BOOST_AUTO_TEST_CASE(both_outputs_and_the_status_come_back_apart)
{
    RunningAgent agent;
    const auto outcome = agent.run(RunningAgent::shell("op", "echo out; echo err >&2; exit 7"));
    BOOST_TEST(outcome.out == "out\n");
    BOOST_TEST(outcome.err == "err\n");
    BOOST_TEST(outcome.exit.exit_code == 7);
    BOOST_TEST(!outcome.exit.timed_out);
    BOOST_TEST(outcome.exit.stdout_bytes == 4U);
    const auto killed = agent.run(RunningAgent::shell("op-2", "kill -TERM $$"));
    BOOST_TEST(killed.exit.exit_code == 128 + SIGTERM);
    BOOST_TEST(killed.exit.signal == SIGTERM);
}

BOOST_AUTO_TEST_CASE(a_program_gets_its_arguments_its_folder_its_environment_and_its_user)
{
    RunningAgent agent;
    auto exec = RunningAgent::shell("op", "");
    exec.argv = {
        "sh", "-c", "printf '%s|' \"$@\" \"$PWD\" \"$A\" \"$HOME\" $(id -u)", "sh", "a b", ""};
    exec.cwd = "/usr";
    exec.env = {{"A", "$HOME; 'x'"}};
    exec.user = "nobody";
    const auto user = *find_user("nobody");
    BOOST_TEST(agent.run(exec).out ==
               "a b||/usr|$HOME; 'x'|" + user.home + "|" + std::to_string(user.uid) + "|");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_started_says_why,
                     *boost::unit_test::enable_if<vfork_shares_memory>())
{
    RunningAgent agent;
    auto exec = RunningAgent::shell("op", "true");
    exec.user = "no-such-user";
    BOOST_TEST(agent.refusal(exec) == "unknown_user");
    exec.user = "root";
    exec.cwd = "/no/such/folder";
    BOOST_TEST(agent.refusal(exec) == "no_such_cwd");
    exec.cwd = "/";
    exec.shell.clear();
    exec.argv = {"/no/such/program"};
    BOOST_TEST(agent.refusal(exec) == "not_executable");
    exec.argv.clear();
    BOOST_TEST(agent.refusal(exec) == "invalid");
    exec.shell = "true";
    BOOST_TEST(agent.run(exec).exit.exit_code == 0); // A refusal is not remembered as an outcome.
}

BOOST_AUTO_TEST_CASE(stdin_and_output_longer_than_every_credit_pass_through)
{
    RunningAgent agent;
    std::string text;
    for (int i = 0; text.size() < (std::size_t{3} << 20U); ++i) {
        text += std::to_string(i) + "\n";
    }
    auto exec = RunningAgent::shell("op", "cat; echo end >&2");
    exec.output_limit_bytes = 4U << 20U;
    const auto outcome = agent.run(exec, text);
    BOOST_TEST((outcome.out == text));
    BOOST_TEST(outcome.err == "end\n");
}

BOOST_AUTO_TEST_CASE(output_past_the_limit_is_counted_and_dropped)
{
    RunningAgent agent;
    auto exec = RunningAgent::shell("op", "head -c 300000 /dev/zero; echo tail >&2");
    exec.output_limit_bytes = 1000;
    const auto outcome = agent.run(exec);
    BOOST_TEST(outcome.out.size() == 1000U);
    BOOST_TEST(outcome.exit.stdout_bytes == 300000U);
    BOOST_TEST(outcome.err == "tail\n");
}

BOOST_AUTO_TEST_CASE(at_the_timeout_the_whole_group_dies)
{
    RunningAgent agent;
    const auto file = agent.temp.path() / "pid";
    auto exec =
        RunningAgent::shell("op", "sleep 1000 & echo $! >" + file.string() + "; echo begun; wait");
    exec.timeout_ms = 2000;
    const auto outcome = agent.run(exec);
    BOOST_TEST(outcome.exit.timed_out);
    BOOST_TEST(outcome.exit.signal == SIGKILL);
    BOOST_TEST(outcome.out == "begun\n");
    // Killed with the group; whoever is its parent now may not have reaped it yet.
    const auto pid = std::stoi(RunningAgent::content(file));
    std::string status;
    const auto is_dead = [&] {
        status = RunningAgent::content("/proc/" + std::to_string(pid) + "/status");
        return status.empty() || status.find("State:\tZ") != std::string::npos ||
               status.find("State:\tX") != std::string::npos;
    };
    const auto until = RunningAgent::soon();
    while (!is_dead() && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    BOOST_TEST(is_dead(), status);
}

BOOST_AUTO_TEST_CASE(a_process_left_in_the_background_does_not_hold_the_command)
{
    RunningAgent agent;
    const auto file = agent.temp.path() / "pid";
    const auto outcome = agent.run(
        RunningAgent::shell("op", "sleep 1000 & echo $! >" + file.string() + "; echo done"));
    BOOST_TEST(outcome.out == "done\n");
    BOOST_TEST(outcome.exit.exit_code == 0);
    BOOST_TEST(::kill(std::stoi(RunningAgent::content(file)), SIGKILL) == 0); // It lived on.
}

BOOST_AUTO_TEST_CASE(a_command_runs_once_however_often_it_is_asked_for)
{
    RunningAgent agent;
    const auto file = agent.temp.path() / "runs";
    auto exec = RunningAgent::shell("op", "echo x >>" + file.string() + "; echo out");
    BOOST_TEST(agent.run(exec).out == "out\n");
    BOOST_TEST(agent.run(exec).out == "out\n");
    BOOST_REQUIRE(agent.client->greet(RunningAgent::soon())); // hostd was restarted.
    exec.resumed = true;
    BOOST_TEST(agent.run(exec).out == "out\n");
    BOOST_TEST(RunningAgent::content(file) == "x\n");

    BOOST_REQUIRE(agent.client->send(0, proto::GuestExecAck{"op"}));
    BOOST_TEST(agent.refusal(exec) == "unknown_operation"); // Forgotten, and never started anew.
    BOOST_TEST(RunningAgent::content(file) == "x\n");
}

BOOST_AUTO_TEST_CASE(a_command_goes_on_while_nobody_listens)
{
    RunningAgent agent;
    const auto go = agent.temp.path() / "go";
    auto exec = RunningAgent::shell(
        "op", "echo one; until [ -e " + go.string() + " ]; do sleep 0.02; done; echo two");
    BOOST_REQUIRE(agent.client->send(99, exec));
    BOOST_REQUIRE(agent.pongs());
    BOOST_REQUIRE(agent.client->greet(RunningAgent::soon()));
    BOOST_TEST(agent.known == 1U);
    std::ofstream{go} << "now";
    exec.resumed = true;
    BOOST_TEST(agent.run(exec).out == "one\ntwo\n"); // From the beginning, to the new stream.
}

BOOST_AUTO_TEST_CASE(garbage_costs_only_itself)
{
    RunningAgent agent;
    std::string garbage;
    for (unsigned i = 0; i < 100000; ++i) {
        garbage += static_cast<char>(i * 2654435761U >> 24U);
    }
    BOOST_REQUIRE(agent.client->greet(RunningAgent::soon(), garbage));
    BOOST_TEST(agent.pongs());
    const auto whole = proto::guest_frame(proto::Session{}, 1, RunningAgent::shell("op", "true"));
    BOOST_REQUIRE(agent.client->greet(RunningAgent::soon(), whole.substr(0, whole.size() / 2)));
    BOOST_TEST(agent.pongs());
}

BOOST_AUTO_TEST_CASE(frames_of_another_session_are_nothing)
{
    RunningAgent agent;
    const auto file = agent.temp.path() / "made";
    const auto exec = RunningAgent::shell("op", "echo x >" + file.string());
    BOOST_REQUIRE(agent.client->write(proto::guest_frame(proto::random_session(), 1, exec)));
    BOOST_REQUIRE(agent.client->write(
        proto::guest_frame(proto::random_session(), 0, proto::GuestShutdown{})));
    BOOST_TEST(agent.pongs());
    BOOST_TEST(agent.known == 0U);
    BOOST_TEST(!std::filesystem::exists(file));
    BOOST_TEST(!agent.surroundings.powered_off);
    BOOST_REQUIRE(agent.client->send(0, proto::GuestShutdown{}));
    BOOST_TEST(agent.pongs());
    BOOST_TEST(agent.surroundings.powered_off);
}

BOOST_AUTO_TEST_CASE(more_commands_than_its_bound_are_turned_away_and_a_signal_ends_one)
{
    AgentLimits limits;
    limits.running = 2;
    RunningAgent agent{limits};
    auto first = RunningAgent::shell("op-1", "sleep 1000");
    auto second = RunningAgent::shell("op-2", "sleep 1000");
    BOOST_REQUIRE(agent.client->send(101, first));
    BOOST_REQUIRE(agent.client->send(102, second));
    BOOST_TEST(agent.refusal(RunningAgent::shell("op-3", "true")) == "busy");
    BOOST_REQUIRE(agent.client->send(101, proto::GuestSignal{SIGKILL}));
    BOOST_REQUIRE(agent.client->send(102, proto::GuestSignal{SIGKILL}));
    first.resumed = second.resumed = true;
    BOOST_TEST(agent.run(first).exit.signal == SIGKILL);
    BOOST_TEST(agent.run(second).exit.signal == SIGKILL);
    BOOST_TEST(agent.run(RunningAgent::shell("op-4", "true")).exit.exit_code == 0);
}

BOOST_AUTO_TEST_CASE(outcomes_that_nobody_acknowledges_are_bounded)
{
    AgentLimits limits;
    limits.ended = 3;
    RunningAgent agent{limits};
    for (int i = 0; i < 10; ++i) {
        static_cast<void>(agent.run(RunningAgent::shell("op-" + std::to_string(i), "true")));
    }
    BOOST_TEST(agent.pongs());
    BOOST_TEST(agent.known <= 4U);
    auto oldest = RunningAgent::shell("op-0", "true");
    oldest.resumed = true;
    BOOST_TEST(agent.refusal(oldest) == "unknown_operation");
}

BOOST_AUTO_TEST_SUITE_END()
