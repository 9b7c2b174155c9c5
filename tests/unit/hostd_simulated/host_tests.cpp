#include "tests/unit/hostd_simulated/host_fixture.hpp"

using namespace hostd;
using namespace hostd::simulated;

BOOST_FIXTURE_TEST_SUITE(host_tests, HostFixture)

BOOST_AUTO_TEST_CASE(a_create_takes_its_time_and_ends_with_a_sandbox_that_runs)
{
    ask(boots('a'), 109ms);
    BOOST_TEST(said.answers.empty());
    pass(1ms);
    const auto made = answer();
    const auto& status = std::get<SandboxStatus>(made.value);
    BOOST_TEST(status.phase == Phase::running);
    BOOST_TEST(status.agent_ready);
    BOOST_TEST(!status.ip.empty());
    BOOST_TEST(status.timings.at("agent").count() == 100'000);
    BOOST_TEST(said.phases == (std::vector{Phase::starting, Phase::running}),
               boost::test_tools::per_element());
    BOOST_TEST(host->counts().creates == 1U);
    BOOST_TEST(host->report().sandboxes == 1U);
}

BOOST_AUTO_TEST_CASE(a_create_that_there_is_no_room_for_is_refused_and_counted)
{
    auto large = boots('a');
    large.spec.memory = common::Bytes::gib(4); // And the overhead.
    ask(large);
    const auto refused = answer();
    BOOST_REQUIRE(refused.error.has_value());
    BOOST_TEST(refused.error->stable_reason() == "no_memory");
    BOOST_TEST(refused.undone);
    BOOST_TEST(host->counts().oversold == 1U);
    BOOST_TEST(host->sandboxes() == 0U);
}

BOOST_AUTO_TEST_CASE(what_comes_twice_is_done_once)
{
    Command command{common::OperationId{"op-x"}, common::RequestId{"req-1"}, 1, boots('a')};
    host->take(command);
    host->take(command); // Under way: its request joins.
    pass(1s);
    BOOST_TEST(said.answers.size() == 2U);
    host->take(command); // Ended: answered again.
    BOOST_TEST(said.answers.size() == 3U);
    BOOST_TEST(host->counts().creates == 1U);
    BOOST_TEST(host->counts().repeated == 2U);
}

BOOST_AUTO_TEST_CASE(an_image_that_is_another_one_or_none_is_refused)
{
    auto other = boots('a');
    other.image_digest = "another";
    ask(other);
    BOOST_TEST(reason_answered() == "image_changed");
    auto none = boots('b');
    none.spec.image = common::ImageName{"none"};
    ask(none);
    BOOST_TEST(reason_answered() == "unknown_image");
}

BOOST_AUTO_TEST_CASE(an_outdated_command_is_refused)
{
    ask(boots('a'), 1s, 3);
    static_cast<void>(answer());
    ask(StopCommand{id('a')}, 1s, 2);
    BOOST_TEST(reason_answered() == "stale_generation");
    BOOST_TEST(phase_of(id('a')) == Phase::running);
}

BOOST_AUTO_TEST_CASE(the_dice_refuse_before_anything_is_made_and_fail_after_it)
{
    ways.refused_creates = 1;
    ask(boots('a'));
    auto refused = answer();
    BOOST_TEST((refused.error && refused.undone));
    ways.refused_creates = 0;
    ways.failed_creates = 1;
    ask(boots('b'));
    auto failed = answer();
    BOOST_TEST((failed.error && failed.undone));
    BOOST_TEST(host->sandboxes() == 0U);
    BOOST_TEST(host->counts().refused == 1U);
    BOOST_TEST(host->counts().failed == 1U);
    BOOST_TEST(host->counts().oversold == 0U);
}

BOOST_AUTO_TEST_CASE(of_one_sandbox_one_thing_is_done_after_another)
{
    ask(boots('a'), 50ms);
    ask(DestroyCommand{id('a')}, 0ms, 2);
    pass(60ms);
    BOOST_TEST(phase_answered() == Phase::running);
    pass(20ms);
    BOOST_TEST(!answer().error.has_value());
    BOOST_TEST(host->sandboxes() == 0U);
    BOOST_TEST(host->counts().destroyed == 1U);
}

BOOST_AUTO_TEST_CASE(no_more_boot_at_once_than_there_is_room_for)
{
    for (const char last : {'a', 'b', 'c'}) {
        ask(boots(last), 0ms);
    }
    pass(110ms);
    BOOST_TEST(said.answers.size() == 2U);
    pass(100ms);
    BOOST_TEST(said.answers.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_power_cut_stops_what_ran_and_forgets_what_was_half_made)
{
    ask(boots('a'));
    ask(boots('b'), 5ms);
    host->power_cut();
    pass(1s);
    BOOST_TEST(said.answers.size() == 1U);
    BOOST_TEST(phase_of(id('a')) == Phase::stopped);
    BOOST_TEST(phase_of(id('b')) == Phase::destroyed);
    said.answers.clear();
    ask(StartCommand{id('a')});
    BOOST_TEST(phase_answered() == Phase::running);
}

BOOST_AUTO_TEST_CASE(nothing_happens_on_a_host_that_hangs_before_it_goes_on)
{
    ask(boots('a'), 5ms);
    host->hang();
    pass(1s);
    BOOST_TEST(said.answers.empty());
    host->go_on();
    pass(100ms);
    BOOST_TEST(phase_answered() == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_command_is_answered_and_a_live_one_is_not_there)
{
    ask(boots('a'));
    static_cast<void>(answer());
    ExecCommand exec;
    exec.id = id('a');
    exec.exec.shell = "true";
    ask(exec);
    const auto outcome = std::get<ExecOutcome>(answer().value);
    BOOST_TEST(outcome.exit_code == 0);
    BOOST_TEST(outcome.in_guest.count() == 5000);
    exec.exec.live = true;
    ask(exec);
    BOOST_TEST(reason_answered() == "simulated");
    ask(OpenReaderCommand{id('a'), {}, 0, 0});
    BOOST_CHECK(said.news == std::vector{ReaderNews::Kind::gone});
}

BOOST_AUTO_TEST_SUITE_END()
