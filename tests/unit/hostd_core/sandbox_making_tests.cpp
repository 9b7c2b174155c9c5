#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(sandbox_making_tests, ServiceFixture)

BOOST_AUTO_TEST_CASE(a_create_with_start_answers_after_the_hello_with_each_steps_time)
{
    run();
    const auto answer = created("sbx-1");
    BOOST_REQUIRE(!answer.error);
    const auto& status = std::get<hostd::SandboxStatus>(answer.value);
    BOOST_CHECK(status.phase == Phase::running);
    BOOST_TEST(status.agent_ready);
    BOOST_TEST(status.net.network == "paddock");
    for (const auto* step : {"admit", "network", "overlay", "define", "start", "agent"}) {
        BOOST_TEST(status.timings.count(step) == 1U, step);
    }
    BOOST_TEST(answer.request.str() == "req-op-create-sbx-1");
    BOOST_TEST(service->sandboxes() == 1U);
}

BOOST_AUTO_TEST_CASE(a_create_without_start_only_defines)
{
    run();
    const auto answer = created("sbx-1", false);
    BOOST_CHECK(phase_in(answer) == Phase::created);
    BOOST_CHECK(world.domains.at(id("sbx-1")).state == hostd::DomainState::stopped);
    BOOST_CHECK(phase_in(ask("op-start", hostd::StartCommand{id("sbx-1")})) == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_repeat_by_a_new_operation_gives_the_current_state)
{
    run();
    static_cast<void>(created("sbx-1"));
    BOOST_CHECK(phase_in(ask("op-again", create("sbx-1"))) == Phase::running);
    BOOST_TEST(world.domains.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_same_id_with_another_specification_exists_already)
{
    run();
    static_cast<void>(created("sbx-1"));
    auto other = create("sbx-1");
    other.spec.vcpus = 2;
    BOOST_CHECK(ask("op-other", other).error->code == ErrorCode::already_exists);
}

BOOST_AUTO_TEST_CASE(a_repeat_under_way_joins_and_each_request_is_answered)
{
    run();
    world.hold("define");
    submit("op-1", create("sbx-1"));
    await_step("define");
    submit("op-1", create("sbx-1"));
    world.let_go("define");
    BOOST_TEST(!answer_of("op-1").error);
    BOOST_TEST(!answer_of("op-1").error);
    BOOST_TEST(!ask("op-1", create("sbx-1")).error); // And later the kept answer.
}

BOOST_AUTO_TEST_CASE(an_unknown_image_and_another_digest_leave_nothing)
{
    run();
    auto unknown = create("sbx-1");
    unknown.spec.image = common::ImageName{"nope"};
    BOOST_CHECK(ask("op-1", unknown).error->code == ErrorCode::not_found);
    auto changed = create("sbx-2");
    changed.image_digest = "d2";
    BOOST_TEST(ask("op-2", changed).error->reason == "image_digest_mismatch");
    BOOST_TEST(world.is_empty());
    BOOST_TEST(service->sandboxes() == 0U);
}

BOOST_DATA_TEST_CASE_F(ServiceFixture,
                       a_failure_at_any_step_leaves_nothing,
                       boost::unit_test::data::make({"network", "overlay", "define", "start"}),
                       step)
{
    run();
    world.fail(step, {ErrorCode::internal, "broken"});
    const auto answer = created("sbx-1");
    BOOST_REQUIRE(answer.error);
    BOOST_TEST(answer.error->message.find("broken") != std::string::npos);
    BOOST_TEST(answer.undone);
    BOOST_TEST(world.is_empty());
    BOOST_TEST(service->sandboxes() == 0U);
    BOOST_TEST(!guests.attached(id("sbx-1")));
    BOOST_TEST(!ask("op-retry", create("sbx-1")).error); // The way is free.
}

BOOST_DATA_TEST_CASE_F(ServiceFixture,
                       an_undo_that_fails_is_repeated_until_nothing_is_left,
                       boost::unit_test::data::make({"release", "remove", "undefine", "kill"}),
                       step)
{
    run();
    world.fail("start", {ErrorCode::timeout, "libvirt went away"});
    world.fail(step, {ErrorCode::unavailable, "libvirt is away"}, 2);
    submit("op-1", create("sbx-1"));
    static_cast<void>(await("sbx-1", Phase::error));
    submit("op-2", create("sbx-1")); // Waits for the same.
    for (const auto* operation : {"op-1", "op-2"}) {
        const auto answer = answer_of(operation);
        BOOST_TEST(answer.error->message.find("libvirt went away") != std::string::npos);
        BOOST_TEST(answer.undone); // Said when it is true.
        BOOST_TEST(world.is_empty());
    }
    const auto gone = await("sbx-1", Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_destroy_of_what_a_failed_create_left_answers_both)
{
    settings.retry_interval = std::chrono::minutes{5};
    run();
    world.fail("start", {ErrorCode::internal, "broken"});
    world.fail("undefine", {ErrorCode::unavailable, "libvirt is away"});
    submit("op-1", create("sbx-1"));
    static_cast<void>(await("sbx-1", Phase::error));
    submit("op-2", hostd::DestroyCommand{id("sbx-1")}, 2);
    BOOST_TEST(answer_of("op-1").undone);
    BOOST_TEST(!answer_of("op-2").error);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(a_create_that_was_undone_is_not_carried_out_when_it_is_sent_again)
{
    run();
    world.fail("network", {ErrorCode::resource_exhausted, "no address is free"});
    BOOST_TEST(ask("op-1", create("sbx-1")).undone);
    const auto again = ask("op-1", create("sbx-1"));
    BOOST_CHECK(again.error->code == ErrorCode::resource_exhausted);
    BOOST_TEST(again.undone);
    BOOST_TEST(world.is_empty());
}

BOOST_AUTO_TEST_CASE(capacity_counts_every_sandbox_that_exists)
{
    run();
    for (const auto* name : {"sbx-1", "sbx-2", "sbx-3", "sbx-4"}) {
        BOOST_REQUIRE(!created(name, false).error); // 250 MiB each of 1000.
    }
    const auto refused = created("sbx-5", false);
    BOOST_CHECK(refused.error->code == ErrorCode::resource_exhausted);
    BOOST_TEST(refused.error->reason == "no_memory");
    BOOST_TEST(refused.undone);
    BOOST_REQUIRE(!ask("op-d", hostd::DestroyCommand{id("sbx-1")}).error);
    BOOST_TEST(!ask("op-again", create("sbx-5", false)).error);
}

BOOST_AUTO_TEST_CASE(creates_under_way_are_counted_too)
{
    run();
    world.hold("network");
    for (int i = 1; i <= 5; ++i) {
        submit("op-" + std::to_string(i), create("sbx-" + std::to_string(i), false));
    }
    BOOST_TEST(answer_of("op-5").error->reason == "no_memory");
    world.let_go("network");
}

BOOST_AUTO_TEST_CASE(a_guest_that_never_says_hello_is_a_timeout_and_stays)
{
    guests.say_hello(false);
    run();
    auto command = create("sbx-1");
    command.boot_timeout = std::chrono::seconds{2};
    const auto answer = ask("op-1", command);
    BOOST_CHECK(answer.error->code == ErrorCode::timeout);
    BOOST_TEST(answer.error->reason == "boot_timeout");
    BOOST_TEST(answer.error->message.find("console.log") != std::string::npos);
    static_cast<void>(await("sbx-1", Phase::starting));
    guests.ready(id("sbx-1"));
    BOOST_TEST(await("sbx-1", Phase::running).agent_ready);
}

BOOST_AUTO_TEST_CASE(a_guest_that_powers_off_while_booting_ends_the_create)
{
    guests.say_hello(false);
    run();
    submit("op-1", create("sbx-1"));
    await_step("start");
    static_cast<void>(await("sbx-1", Phase::starting));
    hypervisor.changed(id("sbx-1"), hostd::DomainState::stopped);
    BOOST_TEST(answer_of("op-1").error->reason == "guest_stopped");
}

BOOST_AUTO_TEST_CASE(an_image_without_agent_is_ready_on_start)
{
    world.image.agent = hostd::AgentKind::none;
    run();
    const auto answer = created("sbx-1");
    BOOST_CHECK(phase_in(answer) == Phase::running);
    BOOST_TEST(!std::get<hostd::SandboxStatus>(answer.value).agent_ready);
    BOOST_TEST(ask("op-x", exec("sbx-1", "true")).error->reason == "no_agent");
}

BOOST_AUTO_TEST_CASE(qemus_agent_is_pinged_until_it_answers)
{
    world.image.agent = hostd::AgentKind::qemu;
    world.fail("qemu_ping", {ErrorCode::unavailable, "not yet"}, 3);
    run();
    BOOST_CHECK(phase_in(created("sbx-1")) == Phase::running);
    const auto answer = ask("op-x", exec("sbx-1", "ls"));
    BOOST_TEST(std::get<hostd::ExecOutcome>(answer.value).stdout_bytes == "qga ls");
}

BOOST_AUTO_TEST_CASE(starts_beyond_the_bound_wait_for_a_hello)
{
    settings.max_parallel_starts = 1;
    guests.say_hello(false);
    run();
    submit("op-1", create("sbx-1"));
    await_step("start");
    submit("op-2", create("sbx-2"));
    await_step("define");
    // A third command shows that the second had its chance.
    BOOST_TEST(!created("sbx-3", false).error);
    BOOST_CHECK(world.locked([&] { return world.domains.at(id("sbx-2")).state; }) ==
                hostd::DomainState::stopped);
    guests.ready(id("sbx-1"));
    await_step("start");
    BOOST_TEST(!answer_of("op-1").error);
}

BOOST_AUTO_TEST_CASE(a_boot_that_takes_long_gives_its_place_up)
{
    settings.max_parallel_starts = 1;
    settings.start_slot = std::chrono::milliseconds{20};
    guests.say_hello(false);
    run();
    submit("op-1", create("sbx-1"));
    await_step("start");
    submit("op-2", create("sbx-2"));
    await_step("start");
}

BOOST_AUTO_TEST_CASE(a_stale_generation_is_refused_and_a_higher_one_recorded)
{
    run();
    BOOST_REQUIRE(!ask("op-1", create("sbx-1", false), 5).error);
    BOOST_TEST(ask("op-2", hostd::StartCommand{id("sbx-1")}, 4).error->reason ==
               "stale_generation");
    BOOST_TEST(!ask("op-3", hostd::StartCommand{id("sbx-1")}, 6).error);
    BOOST_TEST(world.locked([&] { return world.domains.at(id("sbx-1")).generation; }) == 6U);
    BOOST_TEST(ask("op-4", hostd::DestroyCommand{id("sbx-1")}, 5).error->reason ==
               "stale_generation");
}

BOOST_AUTO_TEST_CASE(a_start_of_what_runs_succeeds_and_of_what_is_not_there_does_not)
{
    run();
    static_cast<void>(created("sbx-1"));
    BOOST_CHECK(phase_in(ask("op-1", hostd::StartCommand{id("sbx-1")})) == Phase::running);
    BOOST_CHECK(ask("op-2", hostd::StartCommand{id("sbx-x")}).error->code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_is_an_error_and_may_be_repeated)
{
    run();
    static_cast<void>(created("sbx-1", false));
    world.fail("start", {ErrorCode::internal, "no such CPU"});
    BOOST_CHECK(ask("op-1", hostd::StartCommand{id("sbx-1")}).error->code == ErrorCode::internal);
    static_cast<void>(await("sbx-1", Phase::error));
    BOOST_CHECK(phase_in(ask("op-2", hostd::StartCommand{id("sbx-1")})) == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_start_whose_answer_got_lost_is_found_out)
{
    guests.say_hello(false);
    run();
    static_cast<void>(created("sbx-1", false));
    world.fail("start", {ErrorCode::timeout, "no answer"});
    BOOST_CHECK(ask("op-1", hostd::StartCommand{id("sbx-1")}).error->code == ErrorCode::timeout);
    guests.say_hello(true);
    hypervisor.changed(id("sbx-1"), hostd::DomainState::running);
    static_cast<void>(await("sbx-1", Phase::running));
}

BOOST_AUTO_TEST_SUITE_END()
