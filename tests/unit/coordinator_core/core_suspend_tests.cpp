#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

using namespace tests;

namespace {

struct SuspendFixture : CheckpointFixture {
    Later<Sandbox> restart(const SandboxId& id)
    {
        return Later<Sandbox>{[this, id] { return core->restart(me, id, {}); }};
    }
    unsigned used_vcpus() { return core->host(me, HostName{"h1"})->used_vcpus; }
    std::uint64_t used_mib() { return core->host(me, HostName{"h1"})->used_memory.mib(); }
    /// Takes all that is left of the host, which has room for four.
    void fill()
    {
        while (used_mib() + 250 <= 1000) {
            running();
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_suspend_tests, SuspendFixture)

BOOST_AUTO_TEST_CASE(a_suspended_sandbox_holds_its_name_and_place_but_nothing_of_its_host)
{
    run_with({"h1"});
    auto what = request("web");
    const auto id = running(what).id;
    BOOST_TEST(used_mib() == 250U);
    auto asked = suspend(id);
    const auto sent = expect<SuspendOnHost>();
    BOOST_TEST(sent.command.generation == 2U);
    BOOST_TEST(used_mib() == 250U); // Until its host says that it has it no more.
    done(sent, id, Phase::suspended);
    BOOST_CHECK(asked.get()->phase == Phase::suspended);
    BOOST_CHECK(store.sandbox(id)->desired == Desired::stopped);
    BOOST_TEST(used_mib() == 0U);
    BOOST_TEST(used_vcpus() == 0U);
    BOOST_TEST(core->host(me, HostName{"h1"})->sandboxes == 1U);
    BOOST_TEST(reason_of(core->create(me, what)) == "name_taken");
    BOOST_CHECK(suspend(id).get()->phase == Phase::suspended);
    BOOST_TEST(link.commands.empty());
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(rows.at(rows.size() - 2) == "sandbox.suspend intent");
    BOOST_TEST(rows.back() == "sandbox.suspend ok");
}

BOOST_AUTO_TEST_CASE(resume_and_start_load_it_again_and_charge_it_at_once)
{
    run_with({"h1"});
    const auto id = suspended();
    auto resumed = resume(id);
    const auto sent = expect<StartOnHost>();
    BOOST_CHECK(now(id).phase == Phase::restoring);
    BOOST_TEST(used_mib() == 250U);
    auto started = start(id); // The same, under way.
    done(sent, id, Phase::running);
    BOOST_CHECK(resumed.get()->phase == Phase::running);
    BOOST_CHECK(started.get()->phase == Phase::running);
    BOOST_TEST(link.commands.empty());
}

/// As after a suspend whose end nobody heard of: its host finds out when it is asked.
BOOST_AUTO_TEST_CASE(one_that_turns_out_to_be_suspended_is_woken_for_the_command)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto first = expect<ExecOnHost>();
    status("h1", report(id, Phase::suspended, now(id).generation));
    await(id, Phase::suspended);
    refuse(first, ErrorCode::failed_precondition, "not_running");
    // Its host would give the answer again that it has kept.
    BOOST_TEST(expect<coordinator::AckExecOnHost>().command.operation.str() ==
               first.command.operation.str());
    done(expect<StartOnHost>(), id, Phase::running);
    const auto again = expect<ExecOnHost>();
    BOOST_TEST(again.command.operation.str() == first.command.operation.str());
    BOOST_TEST(!std::get<ExecOnHost>(again.command.what).resumed);
    BOOST_TEST(again.command.generation == now(id).generation);
    answer(again, output("once"));
    BOOST_TEST(ran.get()->stdout_text == "once");
}

BOOST_AUTO_TEST_CASE(a_command_for_one_that_cannot_be_woken_says_why)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    status("h1", report(id, Phase::suspended, now(id).generation));
    await(id, Phase::suspended);
    refuse(sent, ErrorCode::failed_precondition, "not_running");
    static_cast<void>(expect<coordinator::AckExecOnHost>());
    refuse(expect<StartOnHost>(), ErrorCode::failed_precondition, "checkpoint_damaged");
    BOOST_TEST(reason_of(ran.get()) == "checkpoint_damaged");
}

BOOST_AUTO_TEST_CASE(one_on_an_ephemeral_disk_is_refused)
{
    run_with({"h1"});
    auto what = request();
    what.disk = coordinator::DiskKind::ephemeral;
    const auto id = running(what).id;
    BOOST_TEST(reason_of(suspend(id).get()) == "ephemeral_disk");
    BOOST_TEST(link.commands.empty());
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(what_its_host_has_no_room_for_stays_suspended)
{
    run_with({"h1"});
    const auto id = suspended();
    fill();
    BOOST_TEST(used_mib() == 1000U);
    const auto refused = resume(id).get();
    BOOST_TEST(reason_of(refused) == "no_capacity");
    BOOST_CHECK(refused.error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(refused.error().message.find("0 MiB of memory free of 1000, 250 needed") !=
               std::string::npos);
    BOOST_TEST(reason_of(start(id).get()) == "no_capacity");
    BOOST_TEST(reason_of(exec(id).get()) == "no_capacity");
    BOOST_TEST(link.commands.empty());
    BOOST_CHECK(now(id).phase == Phase::suspended);
    BOOST_TEST(used_mib() == 1000U);
}

BOOST_AUTO_TEST_CASE(a_stop_drops_its_memory)
{
    run_with({"h1"});
    const auto id = suspended();
    auto asked = stop(id);
    done(expect<StopOnHost>(), id, Phase::stopped);
    BOOST_CHECK(asked.get()->phase == Phase::stopped);
}

/// What is stopped holds its place, which what is suspended has given up.
BOOST_AUTO_TEST_CASE(a_stop_does_not_oversell_its_host)
{
    run_with({"h1"});
    const auto id = suspended();
    fill();
    BOOST_TEST(reason_of(stop(id).get()) == "no_capacity");
    BOOST_CHECK(now(id).phase == Phase::suspended);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(many_that_wake_at_once_never_get_more_than_there_is)
{
    run_with({"h1"});
    std::vector<SandboxId> ids;
    for (int i = 0; i < 6; ++i) {
        ids.push_back(suspended());
    }
    std::vector<Later<Sandbox>> asked;
    for (const auto& id : ids) {
        asked.push_back(resume(id));
    }
    int loaded = 0;
    int refused = 0;
    for (int i = 0; i < 4; ++i) {
        const auto sent = expect<StartOnHost>();
        BOOST_TEST(used_mib() <= 1000U);
        done(sent, std::get<StartOnHost>(sent.command.what).id, Phase::running);
    }
    for (auto& one : asked) {
        const auto result = one.get();
        loaded += result ? 1 : 0;
        refused += reason_of(result) == "no_capacity" ? 1 : 0;
    }
    BOOST_TEST(loaded == 4);
    BOOST_TEST(refused == 2);
    BOOST_TEST(used_mib() == 1000U);
}

BOOST_AUTO_TEST_CASE(a_suspend_that_its_host_refuses_leaves_it_running)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = suspend(id);
    refuse(expect<SuspendOnHost>(), ErrorCode::resource_exhausted, "disk_full");
    BOOST_TEST(reason_of(asked.get()) == "disk_full");
    BOOST_CHECK(now(id).phase == Phase::running);
    BOOST_CHECK(now(id).desired == Desired::running);
    BOOST_TEST(used_mib() == 250U);
    BOOST_TEST(link.syncs.take().str() == "h1");
}

BOOST_AUTO_TEST_CASE(a_load_that_fails_leaves_it_suspended_unless_nobody_knows)
{
    run_with({"h1"});
    const auto id = suspended();
    auto asked = resume(id);
    refuse(expect<StartOnHost>(), ErrorCode::failed_precondition, "state_incompatible");
    BOOST_TEST(reason_of(asked.get()) == "state_incompatible");
    BOOST_CHECK(now(id).phase == Phase::suspended);
    BOOST_TEST(used_mib() == 0U);
    auto again = resume(id);
    refuse(expect<StartOnHost>(), ErrorCode::internal); // It may have its memory by now.
    BOOST_TEST(reason_of(again.get()) == "host_failed");
    BOOST_TEST(used_mib() == 250U);
    inventory("h1", {report(id, Phase::suspended, now(id).generation)}, {});
    await(id, Phase::suspended);
    BOOST_TEST(used_mib() == 0U);
}

BOOST_AUTO_TEST_CASE(what_was_not_written_was_not_asked_for)
{
    run_with({"h1"});
    const auto first = running().id;
    const auto second = suspended();
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(suspend(first).get()) == "database_unavailable");
    BOOST_TEST(reason_of(resume(second).get()) == "database_unavailable");
    BOOST_CHECK(now(first).phase == Phase::running);
    BOOST_CHECK(now(first).desired == Desired::running);
    BOOST_CHECK(now(second).phase == Phase::suspended);
    BOOST_TEST(used_mib() == 250U);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(only_what_runs_or_is_paused_is_suspended)
{
    run_with({"h1"});
    BOOST_TEST(reason_of(suspend(stopped()).get()) == "wrong_state");
    const auto id = running().id;
    BOOST_CHECK(core->suspend(other, id).error().code == ErrorCode::not_found);
    auto first = suspend(id);
    const auto sent = expect<SuspendOnHost>();
    auto second = suspend(id);
    BOOST_TEST(reason_of(pause(id).get()) == "wrong_state");
    BOOST_TEST(reason_of(resume(id).get()) == "wrong_state");
    done(sent, id, Phase::suspended);
    BOOST_TEST(first.get().has_value());
    BOOST_TEST(second.get().has_value());
    BOOST_TEST(reason_of(pause(id).get()) == "wrong_state");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_command_wakes_it_and_one_that_waits_runs_when_it_is_there)
{
    run_with({"h1"});
    const auto id = suspended();
    auto first = exec(id);
    const auto sent = expect<StartOnHost>();
    auto second = exec(id);
    await_waiting();
    done(sent, id, Phase::running);
    // Both are given to the host before either is answered, which is acknowledged then.
    const auto given = expect<ExecOnHost>();
    const auto given_too = expect<ExecOnHost>();
    answer(given, output("awake"));
    answer(given_too, output("awake"));
    BOOST_TEST(first.get()->stdout_text == "awake");
    BOOST_TEST(second.get()->stdout_text == "awake");
}

BOOST_AUTO_TEST_CASE(a_command_that_comes_while_it_falls_asleep_wakes_it)
{
    run_with({"h1"});
    const auto id = running().id;
    auto slept = suspend(id);
    const auto sent = expect<SuspendOnHost>();
    auto ran = exec(id);
    settle();
    BOOST_TEST(link.commands.empty());
    done(sent, id, Phase::suspended);
    BOOST_TEST(slept.get().has_value());
    done(expect<StartOnHost>(), id, Phase::running);
    answer(expect<ExecOnHost>(), output("awake"));
    BOOST_TEST(ran.get()->stdout_text == "awake");
    static_cast<void>(expect<coordinator::AckExecOnHost>());
    auto refused = suspend(id);
    const auto again = expect<SuspendOnHost>();
    auto other_run = exec(id);
    settle();
    refuse(again, ErrorCode::resource_exhausted, "disk_full");
    answer(expect<ExecOnHost>(), output("never slept"));
    BOOST_TEST(other_run.get()->stdout_text == "never slept");
    BOOST_TEST(!refused.get().has_value());
}

BOOST_AUTO_TEST_CASE(what_was_suspended_is_so_after_a_restart_lives_longer_and_is_destroyed)
{
    run_with({"h1"});
    const auto id = suspended();
    crash_and_restart();
    connect("h1", {report(id, Phase::suspended, 2)});
    settle();
    BOOST_CHECK(now(id).phase == Phase::suspended);
    BOOST_TEST(used_mib() == 0U);
    BOOST_TEST(core->extend(me, id, std::chrono::hours{1}).has_value());
    auto gone = destroy(id);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_suspend_under_way_is_asked_for_again_when_its_host_is_back)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = suspend(id);
    const auto first = expect<SuspendOnHost>();
    connect("h1", {report(id, Phase::running, 1)});
    const auto again = expect<SuspendOnHost>();
    BOOST_TEST(again.command.operation.str() == first.command.operation.str());
    done(again, id, Phase::suspended);
    BOOST_CHECK(asked.get()->phase == Phase::suspended);
}

BOOST_AUTO_TEST_CASE(a_restart_is_a_stop_and_a_start)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = restart(id);
    done(expect<StopOnHost>(), id, Phase::stopped);
    done(expect<StartOnHost>(), id, Phase::running);
    BOOST_CHECK(asked.get()->phase == Phase::running);
    const Texts rows{"sandbox.create intent",
                     "sandbox.create ok",
                     "sandbox.stop intent",
                     "sandbox.stop ok",
                     "sandbox.start intent",
                     "sandbox.start ok"};
    BOOST_TEST(store.audit_of(id.str()) == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_restart_of_a_stopped_one_starts_it_and_of_a_suspended_one_is_refused)
{
    run_with({"h1"});
    const auto id = stopped();
    auto asked = restart(id);
    done(expect<StartOnHost>(), id, Phase::running);
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(reason_of(restart(suspended()).get()) == "wrong_state");
    auto failing = restart(id);
    refuse(expect<StopOnHost>(), ErrorCode::unavailable, "host_failed");
    BOOST_TEST(reason_of(failing.get()) == "host_failed");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_SUITE_END()
