#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DomainState;
using hostd::PauseCommand;
using hostd::StartCommand;
using hostd::StopCommand;

BOOST_FIXTURE_TEST_SUITE(sandbox_pausing_tests, ServiceFixture)

BOOST_AUTO_TEST_CASE(a_paused_guest_keeps_what_it_has_runs_nothing_and_goes_on_when_started)
{
    run();
    static_cast<void>(created("sbx-1"));
    BOOST_CHECK(phase_in(ask("op-1", PauseCommand{id("sbx-1")})) == Phase::paused);
    BOOST_CHECK(phase_in(ask("op-2", PauseCommand{id("sbx-1")})) == Phase::paused);
    BOOST_TEST(guests.attached(id("sbx-1")));
    BOOST_TEST(guests.paused(id("sbx-1")));
    BOOST_TEST(ask("op-3", exec("sbx-1", "ls")).error->reason == "not_running");
    BOOST_CHECK(phase_in(ask("op-4", StartCommand{id("sbx-1")})) == Phase::running);
    BOOST_TEST(!guests.paused(id("sbx-1")));
    BOOST_TEST(!ask("op-5", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(only_what_runs_can_be_paused)
{
    guests.say_hello(false);
    run();
    BOOST_CHECK(ask("op-1", PauseCommand{id("sbx-1")}).error->code == ErrorCode::not_found);
    static_cast<void>(created("sbx-1", false));
    BOOST_TEST(ask("op-2", PauseCommand{id("sbx-1")}).error->reason == "not_running");
    submit("op-3", StartCommand{id("sbx-1")}, 3);
    static_cast<void>(await("sbx-1", Phase::starting));
    BOOST_TEST(ask("op-4", PauseCommand{id("sbx-1")}, 2).error->reason == "stale_generation");
    BOOST_TEST(ask("op-5", PauseCommand{id("sbx-1")}, 4).error->reason == "not_running");
}

BOOST_AUTO_TEST_CASE(a_pause_that_fails_is_told_and_the_guest_runs_on)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.fail("pause", {ErrorCode::unavailable, "libvirt is away"});
    BOOST_CHECK(ask("op-1", PauseCommand{id("sbx-1")}).error->code == ErrorCode::unavailable);
    BOOST_TEST(!guests.paused(id("sbx-1")));
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(a_paused_guest_goes_on_so_that_it_can_power_off)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-1")}));
    submit("op-2", StopCommand{id("sbx-1"), false, std::chrono::seconds{20}});
    static_cast<void>(await("sbx-1", Phase::stopping));
    // Behind the stop in the sandbox's lane: by now the guest was asked.
    BOOST_CHECK(phase_in(ask("op-s", create("sbx-1", false))) == Phase::stopping);
    BOOST_TEST(guests.was_shut_down(id("sbx-1")));
    BOOST_TEST(!guests.paused(id("sbx-1")));
    hypervisor.changed(id("sbx-1"), DomainState::stopped);
    BOOST_CHECK(phase_in(answer_of("op-2")) == Phase::stopped);
}

BOOST_AUTO_TEST_CASE(a_paused_guest_that_cannot_go_on_is_stopped_by_force)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-1")}));
    world.fail("start", {ErrorCode::internal, "its disk is full"});
    const StopCommand stop{id("sbx-1"), false, std::chrono::milliseconds{40}};
    BOOST_CHECK(phase_in(ask("op-2", stop)) == Phase::stopped);
}

BOOST_AUTO_TEST_CASE(a_guest_that_was_paused_is_adopted_as_that)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-1")}));
    guests.say_hello(false); // It cannot.
    restart();
    BOOST_REQUIRE(first_inventory.size() == 1);
    BOOST_CHECK(first_inventory[0].phase == Phase::paused);
    BOOST_TEST(guests.paused(id("sbx-1")));
    BOOST_CHECK(phase_in(ask("op-2", StartCommand{id("sbx-1")})) == Phase::running);
    BOOST_TEST(!guests.paused(id("sbx-1")));
}

BOOST_AUTO_TEST_SUITE_END()
