#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace tests;
using hostd::DestroyCommand;
using hostd::DomainState;
using hostd::StopCommand;

BOOST_FIXTURE_TEST_SUITE(sandbox_ending_tests, ServiceFixture)

BOOST_AUTO_TEST_CASE(a_stop_asks_the_agent_and_answers_when_the_guest_is_off)
{
    run();
    static_cast<void>(created("sbx-1"));
    submit("op-1", StopCommand{id("sbx-1"), false, std::chrono::seconds{20}});
    static_cast<void>(await("sbx-1", Phase::stopping));
    BOOST_CHECK(phase_in(ask("op-s", create("sbx-1", false))) == Phase::stopping);
    BOOST_TEST(guests.was_shut_down(id("sbx-1")));
    BOOST_TEST(ask("op-2", hostd::StartCommand{id("sbx-1")}).error->reason == "stopping");
    hypervisor.changed(id("sbx-1"), DomainState::stopped);
    BOOST_CHECK(phase_in(answer_of("op-1")) == Phase::stopped);
    BOOST_TEST(!guests.attached(id("sbx-1")));
    BOOST_CHECK(phase_in(ask("op-3", hostd::StartCommand{id("sbx-1")})) == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_guest_that_ignores_everything_is_asked_by_acpi_and_then_killed)
{
    run();
    static_cast<void>(created("sbx-1"));
    submit("op-1", StopCommand{id("sbx-1"), false, std::chrono::seconds{3}});
    await_step("acpi");
    await_step("kill");
    BOOST_CHECK(phase_in(answer_of("op-1")) == Phase::stopped);
}

BOOST_AUTO_TEST_CASE(force_kills_at_once_also_a_stop_under_way)
{
    run();
    static_cast<void>(created("sbx-1"));
    submit("op-1", StopCommand{id("sbx-1"), false, std::chrono::seconds{20}});
    BOOST_CHECK(phase_in(ask("op-2", StopCommand{id("sbx-1"), true})) == Phase::stopped);
    BOOST_CHECK(world.locked([&] { return world.domains.at(id("sbx-1")).state; }) ==
                DomainState::stopped);
}

BOOST_AUTO_TEST_CASE(a_stop_of_what_is_stopped_succeeds)
{
    run();
    static_cast<void>(created("sbx-1", false));
    BOOST_TEST(!ask("op-1", StopCommand{id("sbx-1")}).error);
}

BOOST_AUTO_TEST_CASE(a_stop_while_booting_ends_the_create)
{
    guests.say_hello(false);
    run();
    submit("op-1", create("sbx-1"));
    static_cast<void>(await("sbx-1", Phase::starting));
    submit("op-2", StopCommand{id("sbx-1"), true});
    const auto made = answer_of("op-1");
    BOOST_TEST(made.error->reason == "stopped");
    BOOST_TEST(!made.undone); // It is there, and stays.
    BOOST_CHECK(phase_in(answer_of("op-2")) == Phase::stopped);
}

BOOST_AUTO_TEST_CASE(a_kill_that_fails_is_told_and_the_guest_runs_on)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.fail("kill", {ErrorCode::unavailable, "libvirt is away"});
    BOOST_CHECK(ask("op-1", StopCommand{id("sbx-1"), true}).error->code == ErrorCode::unavailable);
    static_cast<void>(await("sbx-1", Phase::stopping));
    static_cast<void>(await("sbx-1", Phase::running));
}

BOOST_AUTO_TEST_CASE(a_destroy_leaves_nothing_and_may_be_repeated)
{
    run();
    static_cast<void>(created("sbx-1"));
    const auto answer = ask("op-1", DestroyCommand{id("sbx-1")}, 2);
    BOOST_CHECK(phase_in(answer) == Phase::destroyed);
    BOOST_TEST(world.is_empty());
    BOOST_TEST(!guests.attached(id("sbx-1")));
    BOOST_TEST(service->sandboxes() == 0U);
    BOOST_TEST(!ask("op-2", DestroyCommand{id("sbx-1")}, 2).error);
}

BOOST_DATA_TEST_CASE_F(ServiceFixture,
                       a_destroy_that_fails_is_reported_and_ended_by_the_next,
                       boost::unit_test::data::make({"kill", "undefine", "remove", "release"}),
                       step)
{
    run();
    static_cast<void>(created("sbx-1"));
    world.fail(step, {ErrorCode::unavailable, "broken"});
    const auto failed = ask("op-1", DestroyCommand{id("sbx-1")});
    BOOST_CHECK(failed.error->code == ErrorCode::unavailable);
    BOOST_TEST(await("sbx-1", Phase::error).error->message.find("broken") != std::string::npos);
    BOOST_TEST(!ask("op-1", DestroyCommand{id("sbx-1")}).error); // The same operation, sent again.
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(a_destroy_of_what_nobody_knows_cleans_up_all_the_same)
{
    run();
    world.locked([&] { return world.folders.insert(id("sbx-old")).second; });
    BOOST_TEST(!ask("op-1", DestroyCommand{id("sbx-old")}).error);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(creates_and_destroys_that_race_leave_nothing_and_never_overlap)
{
    settings.capacity = {common::Bytes::gib(64), 512, {}};
    run();
    constexpr int rounds = 60;
    for (int i = 0; i < rounds; ++i) {
        const auto name = "sbx-" + std::to_string(i);
        submit("op-c" + std::to_string(i), create(name, i % 2 == 0));
        submit("op-s" + std::to_string(i), StopCommand{id(name), true});
        submit("op-d" + std::to_string(i), DestroyCommand{id(name)});
    }
    for (int i = 0; i < 3 * rounds; ++i) {
        static_cast<void>(uplink.answers.take());
    }
    BOOST_TEST(world.is_empty());
    BOOST_TEST(!world.overlapped);
    BOOST_TEST(service->sandboxes() == 0U);
}

BOOST_AUTO_TEST_CASE(ending_the_service_in_the_middle_of_a_create_is_safe)
{
    run();
    world.hold("start");
    submit("op-1", create("sbx-1"));
    await_step("start");
    world.let_go("start");
    service.reset();
    BOOST_TEST(world.locked([&] { return world.domains.size() <= 1; }));
}

BOOST_AUTO_TEST_SUITE_END()
