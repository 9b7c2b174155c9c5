#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_restore_tests, CheckpointFixture)

BOOST_AUTO_TEST_CASE(a_restored_sandbox_runs_under_a_new_generation_and_the_rest_waits)
{
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    auto asked = restore(id, "one");
    const auto sent = expect<RestoreOnHost>();
    BOOST_TEST(sent.command.generation == 2U);
    BOOST_TEST(std::get<RestoreOnHost>(sent.command.what).snapshot.str() == one.id.str());
    BOOST_CHECK(now(id).phase == Phase::restoring);
    BOOST_TEST(reason_of(restore(id, "one").get()) == "wrong_state");
    BOOST_TEST(reason_of(pause(id).get()) == "wrong_state");
    BOOST_TEST(reason_of(start(id).get()) == "wrong_state");
    BOOST_TEST(reason_of(snapshot(id, "two").get()) == "wrong_state");
    BOOST_TEST(reason_of(forget(id, "one").get()) == "snapshot_in_use");
    status("h1", report(id, Phase::running, 1)); // Of before.
    settle();
    BOOST_CHECK(now(id).phase == Phase::restoring);
    done(sent, id, Phase::running);
    BOOST_CHECK(asked.get()->phase == Phase::running);
    BOOST_TEST(link.commands.empty());
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(rows.at(rows.size() - 2) == "snapshot.restore intent");
    BOOST_TEST(rows.back() == "snapshot.restore ok");
}

BOOST_AUTO_TEST_CASE(commands_under_way_end_as_restored_and_are_not_run_again)
{
    run_with({"h1"});
    const auto id = running().id;
    taken(id, "one");
    auto told = exec(id, "told");
    const auto first = expect<ExecOnHost>();
    auto untold = exec(id, "untold");
    const auto second = expect<ExecOnHost>();
    auto asked = restore(id, "one");
    const auto sent = expect<RestoreOnHost>();
    refuse(first, ErrorCode::unavailable, "restored");
    BOOST_TEST(reason_of(told.get()) == "restored");
    done(sent, id, Phase::running);
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(reason_of(untold.get()) == "restored");
    for (const auto& run : {first, second}) {
        const auto row = store.command(run.command.operation);
        BOOST_TEST(row->status == "failed");
        BOOST_TEST(row->stderr_text.find("restored") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_command_that_comes_meanwhile_runs_in_what_was_restored)
{
    run_with({"h1"});
    const auto id = running().id;
    taken(id, "one");
    auto asked = restore(id, "one");
    const auto sent = expect<RestoreOnHost>();
    auto ran = exec(id);
    await_waiting();
    done(sent, id, Phase::running);
    answer(expect<ExecOnHost>(), output("after"));
    BOOST_TEST(ran.get()->stdout_text == "after");
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_stopped_or_suspended_sandbox_is_restored_within_its_hosts_capacity)
{
    run_with({"h1"});
    const auto off = stopped();
    taken(off, "disk");
    auto asked = restore(off, "disk");
    done(expect<RestoreOnHost>(), off, Phase::stopped);
    BOOST_CHECK(asked.get()->phase == Phase::stopped);
    BOOST_CHECK(store.sandbox(off)->desired == Desired::stopped);
    const auto id = running().id;
    taken(id, "one");
    auto slept = suspend(id);
    done(expect<SuspendOnHost>(), id, Phase::suspended);
    BOOST_TEST(slept.get().has_value());
    for (int i = 0; i < 3; ++i) {
        running();
    }
    BOOST_TEST(reason_of(restore(id, "one").get()) == "no_capacity");
    auto gone = destroy(off);
    done(expect<DestroyOnHost>(), off, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    auto again = restore(id, "one");
    done(expect<RestoreOnHost>(), id, Phase::running);
    BOOST_CHECK(again.get()->phase == Phase::running);
    BOOST_CHECK(store.sandbox(id)->desired == Desired::running);
}

BOOST_AUTO_TEST_CASE(a_restore_that_fails_leaves_it_as_it_was)
{
    run_with({"h1"});
    const auto id = running().id;
    taken(id, "one");
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(restore(id, "one").get()) == "database_unavailable");
    store.recover();
    BOOST_CHECK(now(id).phase == Phase::running);
    auto slept = pause(id);
    done(expect<PauseOnHost>(), id, Phase::paused);
    BOOST_TEST(slept.get().has_value());
    auto asked = restore(id, "one");
    refuse(expect<RestoreOnHost>(), ErrorCode::failed_precondition, "checkpoint_damaged");
    BOOST_TEST(reason_of(asked.get()) == "checkpoint_damaged");
    BOOST_CHECK(now(id).phase == Phase::paused);
    BOOST_CHECK(now(id).desired == Desired::running);
    BOOST_TEST(core->snapshot(me, id, "one")->error == "no");
    BOOST_CHECK(restore(id, "none").get().error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_restore_nobody_knows_the_end_of_is_settled_by_its_hosts_word)
{
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    auto asked = restore(id, "one");
    refuse(expect<RestoreOnHost>(), ErrorCode::timeout);
    BOOST_CHECK(asked.get().error().code == ErrorCode::timeout);
    BOOST_TEST(link.syncs.take().str() == "h1");
    inventory("h1", {report(id, Phase::running, 2)}, {made(id, one.id)});
    await(id, Phase::running);
}

BOOST_AUTO_TEST_CASE(a_restore_waits_for_no_snapshot_and_is_refused_while_one_is_taken)
{
    run_with({"h1"});
    const auto id = running().id;
    taken(id, "one");
    auto asked = snapshot(id, "two");
    const auto sent = expect<SnapshotOnHost>();
    BOOST_TEST(reason_of(restore(id, "one").get()) == "wrong_state");
    BOOST_TEST(reason_of(restore(id, "two").get()) == "wrong_state");
    answer(sent, made(sent));
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
