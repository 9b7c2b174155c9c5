#include "common/process/process.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <csignal>
#include <sys/types.h>

using namespace common;
using namespace common::process;
using namespace std::chrono_literals;

namespace {

Command shell(std::string line)
{
    return {{"sh", "-c", std::move(line)}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(process_tests)

BOOST_AUTO_TEST_CASE(both_outputs_and_the_status_come_back)
{
    const auto outcome = run(shell("echo out; echo err >&2; exit 7"));
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->out == "out\n");
    BOOST_TEST(outcome->err == "err\n");
    BOOST_TEST(outcome->status == 7);
}

BOOST_AUTO_TEST_CASE(a_signal_is_128_and_its_number)
{
    BOOST_TEST(run(shell("kill -TERM $$"))->status == 128 + SIGTERM);
}

BOOST_AUTO_TEST_CASE(arguments_reach_the_program_as_they_are)
{
    const auto outcome = run({{"printf", "%s|", "a b", "$HOME", "; false", "", "'"}});
    BOOST_TEST(outcome->out == "a b|$HOME|; false||'|");
}

BOOST_AUTO_TEST_CASE(input_longer_than_a_pipe_goes_in_while_output_comes_out)
{
    const std::string input(1U << 20U, 'x');
    const auto outcome = run({{"cat"}, input});
    BOOST_REQUIRE(outcome);
    BOOST_TEST((outcome->out == input));
}

BOOST_AUTO_TEST_CASE(a_child_that_wants_no_input_is_no_error)
{
    // Whoever started the tests may ignore SIGPIPE; most programs begin with its default, death.
    const auto before = std::signal(SIGPIPE, SIG_DFL);
    const auto outcome = run({{"true"}, std::string(1U << 20U, 'x')});
    std::signal(SIGPIPE, before);
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->status == 0);
    BOOST_TEST(run(shell("cat"))->out.empty()); // No input: an end at once, not a wait.
}

BOOST_AUTO_TEST_CASE(output_past_the_limit_is_read_and_dropped)
{
    auto command = shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2");
    command.output_limit = Bytes{1000};
    const auto outcome = run(command);
    BOOST_REQUIRE(outcome);
    BOOST_TEST(outcome->status == 0);
    BOOST_TEST(outcome->out.size() == 1000U);
    BOOST_TEST(outcome->err.size() == 1000U);
}

BOOST_AUTO_TEST_CASE(at_the_timeout_the_whole_group_dies)
{
    // The child tells its grandchild's pid through a file, because a timeout gives no output.
    auto pattern = std::string{"/tmp/process-XXXXXX"};
    BOOST_REQUIRE(::mkstemp(pattern.data()) >= 0);
    auto command = shell("sleep 1000 & echo $! >" + pattern + "; wait");
    command.timeout = 300ms;
    const auto began = std::chrono::steady_clock::now();
    const auto outcome = run(command);
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == ErrorCode::timeout);
    BOOST_TEST(outcome.error().message.find("300 ms") != std::string::npos);
    BOOST_CHECK(std::chrono::steady_clock::now() - began < 20s);
    const auto pid = run({{"cat", pattern}})->out;
    BOOST_TEST(run({{"rm", pattern}})->status == 0);
    // Dead, or a corpse that its new parent has not taken away yet.
    const auto is_dead = [&] {
        const auto state = run(shell("sed -n 's/^State:\\t\\(.\\).*/\\1/p' /proc/" +
                                     pid.substr(0, pid.size() - 1) + "/status 2>/dev/null"));
        return state->out.empty() || state->out == "Z\n" || state->out == "X\n";
    };
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!is_dead() && std::chrono::steady_clock::now() < until) {
    }
    BOOST_TEST(is_dead());
}

BOOST_AUTO_TEST_CASE(a_child_that_closes_its_output_and_lingers_is_killed_too)
{
    auto command = shell("exec >&- 2>&-; exec sleep 1000");
    command.timeout = 200ms;
    const auto outcome = run(command);
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == ErrorCode::timeout);
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_is_told_from_one_that_fails)
{
    const auto outcome = run({{"no-such-program-here"}});
    BOOST_REQUIRE(!outcome);
    BOOST_CHECK(outcome.error().code == ErrorCode::not_found);
    BOOST_TEST(run(shell("no-such-program-here"))->status == 127);
}

BOOST_AUTO_TEST_CASE(a_checked_run_tells_what_the_child_said)
{
    BOOST_TEST(*run_checked(shell("echo good")) == "good\n");
    const auto failed = run_checked(shell("echo context; echo reason >&2; exit 3"));
    BOOST_REQUIRE(!failed);
    BOOST_TEST(failed.error().message.find("exit status 3: reason") != std::string::npos);
    BOOST_TEST(failed.error().message.back() != '\n');
    const auto quiet = run_checked(shell("echo only stdout; exit 1"));
    BOOST_TEST(quiet.error().message.find("only stdout") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_child_starts_with_no_signal_blocked_or_ignored)
{
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    const auto outcome =
        run(shell("yes | head -n 1; sed -n 's/^Sig[BI][lg][kn]:.//p' /proc/self/status"));
    std::signal(SIGPIPE, before);
    BOOST_REQUIRE(outcome);
    const auto blocked = outcome->out.substr(0, 18);
    const auto ignored = std::stoull(outcome->out.substr(19), nullptr, 16);
    BOOST_TEST(blocked == "y\n0000000000000000");
    BOOST_TEST((ignored & (1U << (SIGPIPE - 1U))) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
