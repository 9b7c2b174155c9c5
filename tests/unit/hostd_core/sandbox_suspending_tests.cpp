#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DestroyCommand;
using hostd::DomainState;
using hostd::PauseCommand;
using hostd::StartCommand;
using hostd::StopCommand;
using hostd::SuspendCommand;

namespace data = boost::unit_test::data;

BOOST_FIXTURE_TEST_SUITE(sandbox_suspending_tests, ServiceFixture)

BOOST_AUTO_TEST_CASE(a_suspended_guest_is_on_disk_and_runs_on_when_started)
{
    run();
    static_cast<void>(created("sbx-1"));
    BOOST_CHECK(phase_in(ask("op-1", SuspendCommand{id("sbx-1")})) == Phase::suspended);
    BOOST_CHECK(phase_in(ask("op-2", SuspendCommand{id("sbx-1")})) == Phase::suspended);
    BOOST_TEST(!guests.attached(id("sbx-1")));
    BOOST_CHECK(world.locked([&] { return world.domains.at(id("sbx-1")).state; }) ==
                DomainState::stopped);
    BOOST_TEST(world.locked([&] { return world.suspended.at(id("sbx-1")).frozen; }));
    BOOST_TEST(ask("op-3", exec("sbx-1", "ls")).error->reason == "not_running");
    BOOST_CHECK(phase_in(ask("op-4", StartCommand{id("sbx-1")})) == Phase::running);
    BOOST_TEST(!ask("op-5", exec("sbx-1", "ls")).error);
    BOOST_TEST(world.locked([&] { return world.suspended.empty() && world.moving.empty(); }));
    BOOST_TEST(world.locked([&] { return world.loaded_from[id("sbx-1")]; }) == "/suspended/sbx-1");
}

/// As the coordinator does that wakes it for a command.
BOOST_AUTO_TEST_CASE(
    a_command_that_was_refused_is_run_once_it_is_awake_and_the_refusal_acknowledged)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    BOOST_TEST(ask("op-run", exec("sbx-1", "ls")).error->reason == "not_running");
    submit("op-run", hostd::AckExecCommand{id("sbx-1")});
    static_cast<void>(ask("op-2", StartCommand{id("sbx-1")}));
    BOOST_TEST(!ask("op-run", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(a_paused_guest_can_be_suspended)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-1")}));
    BOOST_CHECK(phase_in(ask("op-2", SuspendCommand{id("sbx-1")})) == Phase::suspended);
    BOOST_TEST(world.locked([&] { return world.suspended.at(id("sbx-1")).frozen; }));
}

BOOST_AUTO_TEST_CASE(only_what_lives_can_be_suspended)
{
    run();
    static_cast<void>(created("sbx-1", false));
    BOOST_TEST(ask("op-1", SuspendCommand{id("sbx-1")}).error->reason == "not_running");
    BOOST_CHECK(ask("op-2", SuspendCommand{id("sbx-2")}).error->code == ErrorCode::not_found);
    world.locked([&] { return world.engine_known = false; });
    static_cast<void>(created("sbx-3"));
    BOOST_TEST(ask("op-3", SuspendCommand{id("sbx-3")}).error->reason == "engine_starting");
    BOOST_TEST(!ask("op-4", exec("sbx-3", "ls")).error);
}

BOOST_AUTO_TEST_CASE(a_guest_on_an_ephemeral_disk_is_not_suspended)
{
    run();
    auto command = create("sbx-1");
    command.spec.disk = hostd::DiskKind::ephemeral;
    static_cast<void>(ask("op-0", command));
    BOOST_TEST(ask("op-1", SuspendCommand{id("sbx-1")}).error->reason == "ephemeral_disk");
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
}

/// Whatever step fails, the guest runs on as if nothing had been.
BOOST_DATA_TEST_CASE(a_suspend_that_fails_leaves_the_guest_running,
                     data::make({"begin_suspended", "mark", "capture", "commit_suspended", "kill"}),
                     step)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.fail(step, {ErrorCode::resource_exhausted, "no space", "disk_full"});
    BOOST_TEST(ask("op-1", SuspendCommand{id("sbx-1")}).error->reason == "disk_full");
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
    BOOST_TEST(!guests.frozen(id("sbx-1")));
    BOOST_CHECK(world.locked([&] { return world.domains.at(id("sbx-1")).state; }) ==
                DomainState::running);
    BOOST_TEST(world.locked(
        [&] { return world.suspended.empty() && world.drafts.empty() && world.moving.empty(); }));
    BOOST_CHECK(phase_in(ask("op-3", SuspendCommand{id("sbx-1")})) == Phase::suspended);
}

/// Also if the state that it was resumed from could not be dropped then.
BOOST_DATA_TEST_CASE(what_was_resumed_and_stopped_boots, data::make({false, true}), force)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    world.fail("drop_suspended", {ErrorCode::internal, "an error of the disk"});
    BOOST_CHECK(phase_in(ask("op-2", StartCommand{id("sbx-1")})) == Phase::running);
    submit("op-3", StopCommand{id("sbx-1"), force});
    if (!force) {
        static_cast<void>(await("sbx-1", Phase::stopping));
        hypervisor.changed(id("sbx-1"), DomainState::stopped);
    }
    BOOST_CHECK(phase_in(answer_of("op-3")) == Phase::stopped);
    world.locked([&] { return world.loaded_from.erase(id("sbx-1")); });
    BOOST_CHECK(phase_in(ask("op-4", StartCommand{id("sbx-1")})) == Phase::running);
    BOOST_TEST(world.locked([&] { return world.suspended.empty() && world.loaded_from.empty(); }));
}

BOOST_AUTO_TEST_CASE(a_guest_that_does_not_hold_still_is_not_suspended)
{
    run();
    static_cast<void>(created("sbx-1"));
    guests.freezes(false);
    BOOST_TEST(ask("op-1", SuspendCommand{id("sbx-1")}).error->reason == "guest_not_frozen");
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(memory_is_never_loaded_over_a_disk_that_has_changed)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    world.locked([&] { return ++world.written; });
    BOOST_TEST(ask("op-2", StartCommand{id("sbx-1")}).error->reason == "state_incompatible");
    BOOST_CHECK(phase_in(ask("op-3", StopCommand{id("sbx-1")})) == Phase::stopped);
    BOOST_CHECK(phase_in(ask("op-4", StartCommand{id("sbx-1")})) == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_paused_guest_whose_suspend_fails_stays_paused)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-1")}));
    world.fail("commit_suspended", {ErrorCode::resource_exhausted, "no space", "disk_full"});
    BOOST_TEST(ask("op-2", SuspendCommand{id("sbx-1")}).error->reason == "disk_full");
    BOOST_CHECK(phase_in(ask("op-3", PauseCommand{id("sbx-1")})) == Phase::paused);
    BOOST_TEST(guests.frozen(id("sbx-1")));
}

/// Its state stays where it is, to be tried again.
BOOST_DATA_TEST_CASE(a_resume_that_fails_leaves_it_suspended,
                     data::make({"find_suspended", "load"}),
                     step)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    world.fail(step, {ErrorCode::failed_precondition, "damaged", "checkpoint_damaged"});
    BOOST_TEST(ask("op-2", StartCommand{id("sbx-1")}).error->reason == "checkpoint_damaged");
    BOOST_CHECK(phase_in(ask("op-3", SuspendCommand{id("sbx-1")})) == Phase::suspended);
    BOOST_CHECK(phase_in(ask("op-4", StartCommand{id("sbx-1")})) == Phase::running);
}

BOOST_AUTO_TEST_CASE(what_is_suspended_holds_no_memory_and_is_admitted_anew)
{
    run(); // Four of 200 + 50 MiB fill its 1000.
    for (const auto* name : {"sbx-1", "sbx-2", "sbx-3", "sbx-4"}) {
        BOOST_TEST(!created(name).error);
    }
    BOOST_TEST(created("sbx-5").error->reason == "no_memory");
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    BOOST_TEST(!ask("op-2", create("sbx-6")).error);
    BOOST_TEST(ask("op-3", StartCommand{id("sbx-1")}).error->reason == "no_memory");
    static_cast<void>(ask("op-4", DestroyCommand{id("sbx-6")}));
    BOOST_CHECK(phase_in(ask("op-5", StartCommand{id("sbx-1")})) == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_stop_drops_the_memory_and_a_destroy_all_of_it)
{
    run();
    for (const auto* name : {"sbx-1", "sbx-2"}) {
        static_cast<void>(created(name));
        static_cast<void>(ask(std::string{"op-"} + name, SuspendCommand{id(name)}));
    }
    BOOST_CHECK(phase_in(ask("op-1", StopCommand{id("sbx-1")})) == Phase::stopped);
    BOOST_TEST(!world.locked([&] { return world.suspended.contains(id("sbx-1")); }));
    BOOST_CHECK(phase_in(ask("op-2", StartCommand{id("sbx-1")})) == Phase::running);
    BOOST_TEST(world.locked([&] { return world.loaded_from.empty(); }));
    BOOST_TEST(!ask("op-3", DestroyCommand{id("sbx-2")}).error);
}

BOOST_AUTO_TEST_CASE(a_hostd_that_starts_anew_knows_what_is_suspended)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    restart();
    BOOST_REQUIRE(first_inventory.size() == 1);
    BOOST_CHECK(first_inventory[0].phase == Phase::suspended);
    BOOST_CHECK(phase_in(ask("op-2", StartCommand{id("sbx-1")})) == Phase::running);
}

/// hostd ended between the commit of the state and the end of the domain: what lives is newer.
BOOST_AUTO_TEST_CASE(what_was_paused_only_to_be_captured_goes_on_after_a_restart)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.locked([&] {
        world.domains.at(id("sbx-1")).state = DomainState::paused;
        world.suspended[id("sbx-1")] = {};
        world.moving.insert(id("sbx-1"));
        return 0;
    });
    restart();
    BOOST_CHECK(first_inventory.at(0).phase == Phase::running);
    BOOST_TEST(world.locked([&] { return world.suspended.empty() && world.moving.empty(); }));
}

/// hostd ended after it had asked for the end of the domain, and begins before that has come.
BOOST_AUTO_TEST_CASE(what_is_on_its_way_out_when_hostd_begins_anew_is_suspended)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    world.locked([&] {
        world.domains.at(id("sbx-1")).state = DomainState::ending;
        world.moving.insert(id("sbx-1"));
        return 0;
    });
    restart();
    BOOST_TEST(world.locked([&] { return world.suspended.size() == 1U; }));
    hypervisor.changed(id("sbx-1"), DomainState::stopped);
    static_cast<void>(await("sbx-1", Phase::suspended));
    BOOST_CHECK(phase_in(ask("op-2", StartCommand{id("sbx-1")})) == Phase::running);
}

/// libvirtd died while it ended the domain, and found it dead when it was back: by its word the
/// guest has crashed.
BOOST_AUTO_TEST_CASE(a_guest_whose_end_nobody_saw_is_suspended_all_the_same)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.hold("kill");
    submit("op-1", SuspendCommand{id("sbx-1")});
    await_step("kill");
    world.locked([&] { return world.domains.at(id("sbx-1")).state = DomainState::crashed; });
    const common::Error gone{common::ErrorCode::unavailable, "end of file while reading data"};
    world.fail("kill", gone);
    world.fail("find", gone);
    world.let_go("kill");
    BOOST_TEST(answer_of("op-1").error.has_value());
    static_cast<void>(await("sbx-1", Phase::suspended));
    BOOST_CHECK(phase_in(ask("op-2", StartCommand{id("sbx-1")})) == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_guest_that_crashes_after_it_was_resumed_has_crashed)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    world.fail("drop_suspended", {ErrorCode::internal, "no"}); // What was put away stays.
    BOOST_CHECK(phase_in(ask("op-2", StartCommand{id("sbx-1")})) == Phase::running);
    world.locked([&] { return ++world.written; });
    hypervisor.changed(id("sbx-1"), DomainState::crashed);
    static_cast<void>(await("sbx-1", Phase::error));
}

BOOST_AUTO_TEST_CASE(what_somebody_paused_stays_paused_after_a_restart)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-1")}));
    restart();
    BOOST_CHECK(first_inventory.at(0).phase == Phase::paused);
}

/// Its disk has moved on: its memory of before must never be loaded again.
BOOST_AUTO_TEST_CASE(a_suspended_guest_that_somebody_else_booted_loses_its_memory_of_before)
{
    run();
    static_cast<void>(created("sbx-1"));
    static_cast<void>(ask("op-1", SuspendCommand{id("sbx-1")}));
    static_cast<void>(await("sbx-1", Phase::suspended));
    hypervisor.changed(id("sbx-1"), DomainState::running);
    static_cast<void>(await("sbx-1", Phase::running));
    BOOST_TEST(world.locked([&] { return world.suspended.empty(); }));
    BOOST_TEST(guests.attached(id("sbx-1")));
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_SUITE_END()
