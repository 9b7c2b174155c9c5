#include "tests/unit/hostd_core/service_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

hostd::ExecOutcome outcome_of(const hostd::Answer& answer)
{
    return std::get<hostd::ExecOutcome>(answer.value);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(sandbox_exec_tests, ServiceFixture)

BOOST_AUTO_TEST_CASE(a_command_reaches_the_guest_once_however_often_it_is_sent)
{
    run();
    static_cast<void>(created("sbx-1"));
    guests.answer_execs(false);
    submit("op-x", exec("sbx-1", "ls"));
    submit("op-x", exec("sbx-1", "ls"));
    BOOST_CHECK(phase_in(ask("op-barrier", create("sbx-1", false))) == Phase::running);
    hostd::ExecOutcome outcome;
    outcome.stdout_bytes = "files";
    guests.finish(common::OperationId{"op-x"}, outcome);
    BOOST_TEST(outcome_of(answer_of("op-x")).stdout_bytes == "files");
    BOOST_TEST(outcome_of(answer_of("op-x")).stdout_bytes == "files");
    BOOST_TEST(outcome_of(ask("op-x", exec("sbx-1", "ls"))).stdout_bytes == "files");
    BOOST_TEST(guests.execs(common::OperationId{"op-x"}) == 1U);
}

BOOST_AUTO_TEST_CASE(an_unknown_outcome_is_asked_for_again)
{
    run();
    static_cast<void>(created("sbx-1"));
    guests.answer_execs(false);
    submit("op-x", exec("sbx-1", "ls"));
    BOOST_CHECK(phase_in(ask("op-barrier", create("sbx-1", false))) == Phase::running);
    guests.finish(common::OperationId{"op-x"},
                  common::Error{ErrorCode::timeout, "?", "outcome_unknown"});
    BOOST_TEST(answer_of("op-x").error->reason == "outcome_unknown");
    guests.answer_execs(true);
    BOOST_TEST(outcome_of(ask("op-x", exec("sbx-1", "ls"))).stdout_bytes == "ls");
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_reaches_the_agent)
{
    run();
    static_cast<void>(created("sbx-1"));
    BOOST_TEST(!ask("op-x", exec("sbx-1", "ls")).error);
    submit("op-x", hostd::AckExecCommand{id("sbx-1")});
    BOOST_CHECK(phase_in(ask("op-barrier", create("sbx-1", false))) == Phase::running);
    BOOST_TEST(guests.acknowledged(common::OperationId{"op-x"}));
}

BOOST_AUTO_TEST_CASE(who_watches_what_live_commands_write_is_passed_on)
{
    run();
    static_cast<void>(created("sbx-1"));
    submit("op-w", hostd::WatchOutputCommand{id("sbx-1"), {7, 1000}});
    BOOST_CHECK(phase_in(ask("op-barrier", create("sbx-1", false))) == Phase::running);
    BOOST_REQUIRE(guests.watched(id("sbx-1")));
    BOOST_TEST(guests.watched(id("sbx-1"))->credit == 1000U);
    submit("op-u", hostd::UnwatchOutputCommand{id("sbx-1"), 7});
    BOOST_CHECK(phase_in(ask("op-barrier-2", create("sbx-1", false))) == Phase::running);
    BOOST_TEST(!guests.watched(id("sbx-1")));
}

BOOST_AUTO_TEST_CASE(a_command_needs_a_sandbox_that_runs)
{
    run();
    BOOST_CHECK(ask("op-1", exec("sbx-1", "ls")).error->code == ErrorCode::not_found);
    static_cast<void>(created("sbx-1", false));
    const auto answer = ask("op-2", exec("sbx-1", "ls"));
    BOOST_CHECK(answer.error->code == ErrorCode::failed_precondition);
    BOOST_TEST(answer.error->reason == "not_running");
}

BOOST_AUTO_TEST_CASE(
    a_new_command_of_before_the_last_change_is_refused_but_an_old_one_is_looked_for)
{
    run();
    static_cast<void>(created("sbx-1"));
    BOOST_TEST(!ask("op-1", hostd::PauseCommand{id("sbx-1")}, 2).error);
    BOOST_TEST(!ask("op-2", hostd::StartCommand{id("sbx-1")}, 3).error);
    auto command = exec("sbx-1", "ls");
    BOOST_TEST(ask("op-3", command).error->reason == "stale_generation");
    command.exec.resumed = true;
    BOOST_TEST(!ask("op-4", command).error);
    command.id = id("sbx-2");
    BOOST_CHECK(ask("op-5", command).error->code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(long_commands_by_qemus_agent_do_not_keep_another_guest_from_being_found_ready)
{
    settings.qemu_agent_workers = 1;
    world.image.agent = hostd::AgentKind::qemu;
    run();
    static_cast<void>(created("sbx-1"));
    world.hold("qemu_exec");
    submit("op-1", exec("sbx-1", "sleep"));
    await_step("qemu_exec");
    BOOST_CHECK(phase_in(created("sbx-2")) == Phase::running);
    world.let_go("qemu_exec");
}

BOOST_AUTO_TEST_CASE(a_long_command_by_qemus_agent_does_not_keep_the_vm_from_being_destroyed)
{
    world.image.agent = hostd::AgentKind::qemu;
    run();
    static_cast<void>(created("sbx-1"));
    world.hold("qemu_exec");
    submit("op-x", exec("sbx-1", "sleep"));
    await_step("qemu_exec");
    BOOST_TEST(!ask("op-d", hostd::DestroyCommand{id("sbx-1")}).error);
    world.let_go("qemu_exec");
    BOOST_TEST(!answer_of("op-x").error);
}

BOOST_AUTO_TEST_CASE(what_a_sandbox_uses_and_what_its_console_says_is_read)
{
    run();
    static_cast<void>(created("sbx-1"));
    const auto answer = ask("op-r", hostd::ReadCommand{id("sbx-1"), 10}, 0);
    const auto& reading = std::get<hostd::Reading>(answer.value);
    BOOST_TEST(reading.running);
    BOOST_TEST(reading.cpu.count() == 1234);
    BOOST_TEST(reading.disk.count() == 4096U);
    BOOST_TEST(reading.console == "/sandboxes");
    BOOST_TEST(reading.console_cut);
    world.fail("reading", {common::ErrorCode::not_found, "no domain"}); // As of a suspended one.
    const auto asleep = ask("op-a", hostd::ReadCommand{id("sbx-1"), 10}, 0);
    BOOST_TEST(!std::get<hostd::Reading>(asleep.value).running);
    BOOST_TEST(std::get<hostd::Reading>(asleep.value).disk.count() == 4096U);
    world.fail("reading", {common::ErrorCode::unavailable, "libvirt is away"});
    BOOST_TEST((ask("op-u", hostd::ReadCommand{id("sbx-1"), 10}, 0).error->code ==
                common::ErrorCode::unavailable));
    BOOST_TEST((ask("op-s", hostd::ReadCommand{id("sbx-2"), 10}, 0).error->code ==
                common::ErrorCode::not_found));
}

BOOST_AUTO_TEST_CASE(other_peoples_vms_are_listed)
{
    run();
    const auto answer = ask("op-1", hostd::ListVmsCommand{}, 0);
    BOOST_TEST(std::get<std::vector<hostd::ForeignVm>>(answer.value).at(0).name == "theirs");
}

BOOST_AUTO_TEST_SUITE_END()
