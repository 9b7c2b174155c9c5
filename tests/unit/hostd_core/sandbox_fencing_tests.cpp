#include "tests/unit/hostd_core/fencing_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DomainState;
using hostd::FenceAction;
using hostd::PauseCommand;
using hostd::StartCommand;

BOOST_FIXTURE_TEST_SUITE(sandbox_fencing_tests, FencingFixture)

BOOST_AUTO_TEST_CASE(guests_are_paused_when_no_leader_was_heard_and_go_on_when_it_names_them)
{
    run_with(FenceAction::pause);
    static_cast<void>(created("sbx-1"));
    fence.pass(minute - std::chrono::milliseconds{1});
    BOOST_TEST(!ask("op-1", exec("sbx-1", "ls")).error);
    fence.pass(std::chrono::milliseconds{1});
    await_fenced({"sbx-1"}, Phase::paused);
    BOOST_CHECK(state_of("sbx-1") == DomainState::paused);
    BOOST_TEST(guests.paused(id("sbx-1")));
    BOOST_TEST(ask("op-2", exec("sbx-1", "ls")).error->reason == "fenced");
    lift({"sbx-1"}); // Of nobody who was heard.
    BOOST_TEST(ask("op-3", StartCommand{id("sbx-1")}).error->reason == "fenced");
    BOOST_TEST(ask("op-4", create("sbx-2")).error->reason == "fenced");
    hear();
    BOOST_TEST(ask("op-2b", exec("sbx-1", "ls")).error->reason == "not_running");
    BOOST_TEST(!ask("op-5", create("sbx-3")).error);
    BOOST_CHECK(state_of("sbx-1") == DomainState::paused);
    lift({"sbx-1", "sbx-3", "sbx-9"});
    BOOST_TEST(!is_fenced(await("sbx-1", Phase::running)));
    BOOST_CHECK(state_of("sbx-1") == DomainState::running);
    BOOST_TEST(!guests.paused(id("sbx-1")));
    BOOST_TEST(!ask("op-6", exec("sbx-1", "ls")).error);
}

BOOST_AUTO_TEST_CASE(who_is_not_named_or_was_paused_before_stays_as_it_is)
{
    settings.capacity.memory = common::Bytes::mib(2000);
    run_with(FenceAction::pause);
    for (const auto* one : {"sbx-1", "sbx-2", "sbx-3"}) {
        static_cast<void>(created(one));
    }
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-3")}));
    fence.pass(minute);
    await_fenced({"sbx-1", "sbx-2"}, Phase::paused);
    hear();
    lift({"sbx-1", "sbx-3"});
    static_cast<void>(await("sbx-1", Phase::running));
    BOOST_CHECK(state_of("sbx-2") == DomainState::paused);
    BOOST_CHECK(state_of("sbx-3") == DomainState::paused);
    // What somebody asks for counts: one is his now, the other runs.
    BOOST_TEST(
        !is_fenced(std::get<hostd::SandboxStatus>(ask("op-2", PauseCommand{id("sbx-2")}).value)));
    lift({"sbx-2"});
    BOOST_CHECK(phase_in(ask("op-3", StartCommand{id("sbx-3")})) == Phase::running);
    BOOST_CHECK(state_of("sbx-2") == DomainState::paused);
}

BOOST_AUTO_TEST_CASE(guests_are_stopped_if_that_is_asked_for_and_start_again)
{
    run_with(FenceAction::stop);
    static_cast<void>(created("sbx-1"));
    static_cast<void>(created("sbx-2"));
    static_cast<void>(ask("op-1", PauseCommand{id("sbx-2")}));
    fence.pass(minute);
    await_fenced({"sbx-1", "sbx-2"}, Phase::stopped);
    run_again();
    BOOST_REQUIRE(first_inventory.size() == 2U);
    BOOST_TEST(is_fenced(first_inventory[0]));
    hear();
    lift({"sbx-1"});
    const auto started = ask("op-2", StartCommand{id("sbx-1")});
    BOOST_CHECK(phase_in(started) == Phase::running);
    BOOST_TEST(!is_fenced(std::get<hostd::SandboxStatus>(started.value)));
}

BOOST_AUTO_TEST_CASE(guests_run_on_if_they_are_to_be_kept_and_nothing_is_carried_out)
{
    run_with(FenceAction::keep);
    static_cast<void>(created("sbx-1"));
    fence.pass(minute - std::chrono::milliseconds{1});
    BOOST_TEST(!ask("op-0", exec("sbx-1", "ls")).error);
    fence.pass(std::chrono::milliseconds{1});
    const std::vector<std::pair<std::string, decltype(hostd::Command::what)>> all{
        {"op-1", create("sbx-2")},
        {"op-2", exec("sbx-1", "ls")},
        {"op-3", PauseCommand{id("sbx-1")}},
        {"op-4", hostd::StopCommand{id("sbx-1")}},
        {"op-5", hostd::DestroyCommand{id("sbx-1")}}};
    for (const auto& [operation, what] : all) {
        const auto answer = ask(operation, what);
        BOOST_REQUIRE_MESSAGE(answer.error, operation);
        BOOST_TEST(answer.error->reason == "fenced", operation);
    }
    BOOST_TEST(!ask("op-6", hostd::ReadCommand{id("sbx-1")}).error);
    run_again();
    BOOST_CHECK(state_of("sbx-1") == DomainState::running);
    hear();
    // Asked again under the same number: it had not begun.
    BOOST_TEST(!ask("op-2", exec("sbx-1", "ls")).error);
    BOOST_TEST(!ask("op-1", create("sbx-2")).error);
}

BOOST_AUTO_TEST_CASE(a_restart_goes_on_counting_and_knows_who_is_held)
{
    run_with(FenceAction::pause);
    static_cast<void>(created("sbx-1"));
    hear();
    static_cast<void>(ask("op-1", exec("sbx-1", "ls")));
    fence.pass(minute - std::chrono::seconds{1});
    run_again();
    BOOST_CHECK(state_of("sbx-1") == DomainState::running);
    fence.pass(std::chrono::seconds{1});
    await_fenced({"sbx-1"}, Phase::paused);
    run_again();
    BOOST_REQUIRE(first_inventory.size() == 1U);
    BOOST_TEST(is_fenced(first_inventory[0]));
    hear();
    lift({"sbx-1"});
    static_cast<void>(await("sbx-1", Phase::running));
}

BOOST_AUTO_TEST_CASE(after_a_restart_that_took_too_long_nothing_runs_when_it_is_told_of)
{
    run_with(FenceAction::pause);
    static_cast<void>(created("sbx-1"));
    service.reset();
    fence.pass(minute);
    run_again();
    BOOST_REQUIRE(first_inventory.size() == 1U);
    BOOST_CHECK(first_inventory[0].phase == Phase::paused);
    BOOST_TEST(is_fenced(first_inventory[0]));
}

BOOST_AUTO_TEST_CASE(who_stood_still_only_to_be_captured_waits_for_the_leader_too)
{
    run_with(FenceAction::pause);
    static_cast<void>(created("sbx-1"));
    service.reset();
    world.locked([&] {
        world.domains.at(id("sbx-1")).state = DomainState::paused;
        world.moving.insert(id("sbx-1"));
    });
    fence.pass(minute);
    run_again();
    BOOST_CHECK(first_inventory.at(0).phase == Phase::paused);
    await_fenced({"sbx-1"}, Phase::paused);
    hear();
    lift({"sbx-1"});
    static_cast<void>(await("sbx-1", Phase::running));
    BOOST_CHECK(state_of("sbx-1") == DomainState::running);
    BOOST_TEST(world.locked([&] { return world.moving.empty(); }));
}

BOOST_AUTO_TEST_CASE(a_create_half_done_is_undone)
{
    run_with(FenceAction::pause);
    world.hold("define");
    submit("op-1", create("sbx-1"));
    await_step("define");
    fence.pass(minute);
    BOOST_TEST(ask("op-2", create("sbx-2")).error->reason == "fenced");
    world.let_go("define");
    const auto answer = answer_of("op-1");
    BOOST_TEST(answer.error->reason == "fenced");
    BOOST_TEST(answer.undone);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(a_guest_that_boots_is_paused_and_boots_on)
{
    guests.say_hello(false);
    run_with(FenceAction::pause);
    submit("op-1", create("sbx-1"));
    static_cast<void>(await("sbx-1", Phase::starting));
    await_step("start");
    fence.pass(minute);
    await_fenced({"sbx-1"}, Phase::starting);
    BOOST_CHECK(state_of("sbx-1") == DomainState::paused);
    guests.say_hello(true);
    hear();
    lift({"sbx-1"});
    await_step("went_on");
    BOOST_CHECK(state_of("sbx-1") == DomainState::running);
}

BOOST_AUTO_TEST_CASE(what_goes_on_by_itself_is_paused_again)
{
    run_with(FenceAction::pause);
    static_cast<void>(created("sbx-1"));
    fence.pass(minute);
    await_fenced({"sbx-1"}, Phase::paused);
    hypervisor.changed(id("sbx-1"), DomainState::running);
    static_cast<void>(await("sbx-1", Phase::running));
    await_fenced({"sbx-1"}, Phase::paused);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_paused_is_tried_again)
{
    run_with(FenceAction::pause);
    static_cast<void>(created("sbx-1"));
    world.fail("list", {ErrorCode::unavailable, "libvirt is away"});
    world.fail("pause", {ErrorCode::unavailable, "libvirt is away"});
    fence.pass(minute);
    await_fenced({"sbx-1"}, Phase::paused);
    BOOST_CHECK(state_of("sbx-1") == DomainState::paused);
}

BOOST_AUTO_TEST_CASE(a_process_that_stood_still_looks_at_the_time_before_it_lets_anything_run)
{
    run_with(FenceAction::pause);
    static_cast<void>(created("sbx-1"));
    static_cast<void>(created("sbx-2", false));
    settings.fence_look = std::chrono::hours{1};
    service.reset();
    auto with = ports();
    with.fence = &fence;
    service.emplace(with, settings);
    service->start();
    static_cast<void>(uplink.inventories.take());
    fence.pass(minute);
    BOOST_TEST(ask("op-1", StartCommand{id("sbx-2")}).error->reason == "fenced");
}

BOOST_AUTO_TEST_SUITE_END()
