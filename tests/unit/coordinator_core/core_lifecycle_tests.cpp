#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_lifecycle_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(a_stop_is_recorded_before_and_after_and_a_start_likewise)
{
    run_with({"h1"});
    const auto id = running().id;
    store.hold();
    auto stopped = stop(id);
    eventually([&] { return store.held() == 1; }, "the intent");
    settle();
    BOOST_TEST(link.commands.empty());
    BOOST_CHECK(now(id).phase == Phase::stopping);
    store.let_go();
    const auto first = expect<StopOnHost>();
    BOOST_TEST(first.command.generation == 2U);
    done(first, id, Phase::stopped);
    BOOST_CHECK(stopped.get()->phase == Phase::stopped);
    BOOST_CHECK(store.sandbox(id)->phase == Phase::stopped);

    auto started = start(id);
    const auto second = expect<StartOnHost>();
    BOOST_TEST(second.command.generation == 3U);
    BOOST_CHECK(now(id).phase == Phase::starting);
    done(second, id, Phase::running);
    BOOST_CHECK(started.get()->phase == Phase::running);
    const Texts rows{"sandbox.create intent",
                     "sandbox.create ok",
                     "sandbox.stop intent",
                     "sandbox.stop ok",
                     "sandbox.start intent",
                     "sandbox.start ok"};
    BOOST_TEST(store.audit_of(id.str()) == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_so_already_is_answered_without_asking_the_host)
{
    run_with({"h1"});
    const auto id = running().id;
    BOOST_CHECK(start(id).get()->phase == Phase::running);
    auto stopped = stop(id);
    done(expect<StopOnHost>(), id, Phase::stopped);
    BOOST_TEST(stopped.get().has_value());
    const auto before = store.attempts();
    BOOST_CHECK(stop(id).get()->phase == Phase::stopped);
    BOOST_TEST(store.attempts() == before);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_start_of_a_paused_guest_reaches_its_host)
{
    run_with({"h1"});
    const auto id = running().id;
    auto paused = report(id, Phase::paused);
    paused.error = "its disk is full";
    status("h1", paused);
    eventually([&] { return core->get(me, id)->phase == Phase::paused; }, "the pause");
    BOOST_TEST(core->get(me, id)->error == "its disk is full");
    auto started = start(id);
    done(expect<StartOnHost>(), id, Phase::running);
    const auto now = started.get();
    BOOST_CHECK(now->phase == Phase::running);
    BOOST_TEST(now->error == "");
}

BOOST_AUTO_TEST_CASE(callers_that_want_the_same_share_one_command)
{
    run_with({"h1"});
    const auto id = running().id;
    auto one = stop(id);
    const auto sent = expect<StopOnHost>();
    auto two = stop(id);
    settle();
    done(sent, id, Phase::stopped);
    BOOST_TEST(one.get().has_value());
    BOOST_TEST(two.get().has_value());
    auto start_one = start(id);
    const auto begun = expect<StartOnHost>();
    auto start_two = start(id);
    settle();
    done(begun, id, Phase::running);
    BOOST_TEST(start_one.get().has_value());
    BOOST_TEST(start_two.get().has_value());
    auto end_one = destroy(id);
    const auto ending = expect<DestroyOnHost>();
    auto end_two = destroy(id);
    settle();
    done(ending, id, Phase::destroyed);
    BOOST_TEST(end_one.get().has_value());
    BOOST_TEST((end_two.get() || true)); // Told with the first, or too late: see below.
    BOOST_CHECK(destroy(id).get().error().code == ErrorCode::not_found);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_start_of_what_is_just_being_made_waits_for_that)
{
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    auto started = start(id_in(sent));
    settle();
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(made.get().has_value());
    BOOST_CHECK(started.get()->phase == Phase::running);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_the_state_is_a_conflict)
{
    run_with({"h1"});
    const auto id = running().id;
    auto stopped = stop(id);
    const auto stopping = expect<StopOnHost>();
    BOOST_TEST(reason_of(start(id).get()) == "wrong_state");
    done(stopping, id, Phase::stopped);
    BOOST_TEST(stopped.get().has_value());
    auto gone = destroy(id);
    const auto ending = expect<DestroyOnHost>();
    BOOST_TEST(reason_of(start(id).get()) == "wrong_state");
    BOOST_TEST(reason_of(stop(id).get()) == "wrong_state");
    done(ending, id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_CHECK(start(id).get().error().code == ErrorCode::not_found);
    BOOST_CHECK(stop(id).get().error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(other_tenants_find_no_such_sandbox)
{
    run_with({"h1"});
    const auto id = running().id;
    BOOST_CHECK(core->get(other, id).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->start(other, id, false).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->stop(other, id, {}).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->destroy(other, id).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->run(other, id, {}).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->ip(other, id).error().code == ErrorCode::not_found);
    BOOST_CHECK(core->commands(other, id, {}).error().code == ErrorCode::not_found);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_forced_stop_goes_out_beside_one_that_takes_its_time)
{
    run_with({"h1"});
    const auto id = running().id;
    auto gentle = stop(id);
    const auto first = expect<StopOnHost>();
    auto forced = stop(id, true);
    const auto second = expect<StopOnHost>();
    BOOST_TEST(std::get<StopOnHost>(second.command.what).force);
    BOOST_TEST(second.command.generation == 3U);
    done(second, id, Phase::stopped);
    BOOST_TEST(forced.get().has_value());
    refuse(first, ErrorCode::failed_precondition, "stale_generation");
    BOOST_TEST(reason_of(gentle.get()) == "stale_generation");
    BOOST_CHECK(now(id).phase == Phase::stopped);
}

BOOST_AUTO_TEST_CASE(a_start_that_failed_leaves_it_stopped_and_asks_the_host_what_it_has)
{
    run_with({"h1"});
    const auto id = running().id;
    auto stopped = stop(id);
    done(expect<StopOnHost>(), id, Phase::stopped);
    BOOST_TEST(stopped.get().has_value());
    auto started = start(id);
    refuse(expect<StartOnHost>(), ErrorCode::resource_exhausted);
    BOOST_CHECK(started.get().error().code == ErrorCode::resource_exhausted);
    BOOST_CHECK(now(id).phase == Phase::stopped);
    BOOST_TEST(now(id).error == "no");
    BOOST_TEST(link.syncs.take().str() == "h1");
    BOOST_TEST(store.audit_of(id.str()).back() == "sandbox.start resource_exhausted");
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_its_host_does_not_know_is_lost)
{
    run_with({"h1"});
    const auto id = running().id;
    auto stopped = stop(id);
    refuse(expect<StopOnHost>(), ErrorCode::not_found);
    BOOST_CHECK(stopped.get().error().code == ErrorCode::not_found);
    BOOST_CHECK(now(id).phase == Phase::lost);
    BOOST_TEST(reason_of(start(id).get()) == "wrong_state");
}

BOOST_AUTO_TEST_CASE(a_stop_that_was_not_written_is_taken_back)
{
    run_with({"h1"});
    const auto id = running().id;
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(stop(id).get()) == "database_unavailable");
    BOOST_CHECK(now(id).phase == Phase::running);
    BOOST_CHECK(now(id).desired == Desired::running);
    BOOST_TEST(link.commands.empty());
    store.recover();
    auto stopped = stop(id);
    done(expect<StopOnHost>(), id, Phase::stopped);
    BOOST_TEST(stopped.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_stop_that_may_have_been_written_is_done_all_the_same)
{
    run_with({"h1"});
    const auto id = running().id;
    store.fail(ErrorCode::timeout);
    auto stopped = stop(id);
    const auto sent = expect<StopOnHost>();
    store.recover();
    done(sent, id, Phase::stopped);
    BOOST_TEST(stopped.get().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
