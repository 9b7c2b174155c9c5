#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_create_failing_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(a_create_that_certainly_was_not_written_leaves_nothing)
{
    run_with({"h1"});
    for (const auto code : {ErrorCode::unavailable, ErrorCode::rate_limited}) {
        store.fail(code);
        const auto made = create(request("box")).get();
        BOOST_CHECK(made.error().code == code);
        BOOST_TEST(core->list(me, {})->total == 0U);
        BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 0U);
        BOOST_TEST(link.commands.empty());
    }
    store.recover();
    BOOST_TEST(store.sandboxes() == 0U);
    BOOST_TEST(running(request("box")).name == "box");
}

BOOST_AUTO_TEST_CASE(a_create_that_may_have_been_written_is_unknown_and_closed_in_the_record)
{
    run_with({"h1"});
    store.fail(ErrorCode::timeout, [](const auto& changes) {
        const auto* sandbox = std::get_if<Sandbox>(&changes.front());
        return sandbox != nullptr && sandbox->phase == Phase::placing;
    });
    const auto made = create().get();
    BOOST_CHECK(made.error().code == ErrorCode::timeout);
    BOOST_TEST(reason_of(made) == "outcome_unknown");
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(core->list(me, {})->total == 0U);
    eventually([&] { return store.sandboxes() == 1; }, "the record");
    const auto id = SandboxId{store.audit().back().target};
    BOOST_CHECK(store.sandbox(id)->phase == Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_destroy_of_a_create_that_was_never_written_ends_with_it)
{
    run_with({"h1"});
    for (const bool both : {false, true}) {
        store.hold();
        auto made = create();
        eventually([&] { return store.held() == 1; }, "the intent");
        const auto id = core->list(me, {})->sandboxes.at(0).id;
        auto gone = destroy(id);
        eventually([&] { return store.held() == 2; }, "the other intent");
        store.fail(ErrorCode::unavailable, [both](const auto& changes) {
            const auto* sandbox = std::get_if<Sandbox>(&changes.front());
            return both || (sandbox != nullptr && sandbox->desired == Desired::running);
        });
        store.let_go();
        BOOST_TEST(reason_of(made.get()) == "database_unavailable");
        if (both) {
            BOOST_TEST(reason_of(gone.get()) == "database_unavailable");
        } else {
            refuse(expect<DestroyOnHost>(), ErrorCode::not_found);
            BOOST_TEST(gone.get().has_value());
        }
        store.recover();
        eventually([&] { return core->list(me, {})->total == 0; }, "nothing left");
        BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 0U);
        BOOST_TEST(link.commands.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_create_goes_on_when_the_destroy_in_between_could_not_be_written)
{
    run_with({"h1"});
    store.hold();
    auto made = create();
    eventually([&] { return store.held() == 1; }, "the intent");
    const auto id = core->list(me, {})->sandboxes.at(0).id;
    auto gone = destroy(id);
    eventually([&] { return store.held() == 2; }, "the other intent");
    store.fail(ErrorCode::unavailable, [](const auto& changes) {
        const auto* sandbox = std::get_if<Sandbox>(&changes.front());
        return sandbox != nullptr && sandbox->desired == Desired::destroyed;
    });
    store.let_go();
    BOOST_TEST(reason_of(gone.get()) == "database_unavailable");
    done(expect<CreateOnHost>(), id, Phase::running);
    BOOST_TEST(made.get().has_value());
    BOOST_CHECK(now(id).desired == Desired::running);
}

BOOST_AUTO_TEST_CASE(a_command_that_waits_for_a_create_that_was_never_written_ends_with_it)
{
    run_with({"h1"});
    store.hold();
    auto made = create();
    eventually([&] { return store.held() == 1; }, "the intent");
    auto ran = exec(core->list(me, {})->sandboxes.at(0).id);
    await_waiting();
    store.fail(ErrorCode::unavailable);
    store.let_go();
    BOOST_TEST(!made.get().has_value());
    BOOST_TEST(reason_of(ran.get()) == "not_running");
}

BOOST_AUTO_TEST_CASE(a_host_that_refuses_is_passed_over_for_another)
{
    run_with({"h1", "h2"});
    auto made = create();
    const auto first = expect<CreateOnHost>();
    refuse(first, ErrorCode::resource_exhausted);
    const auto second = expect<CreateOnHost>();
    BOOST_TEST(first.host.str() == "h1");
    BOOST_TEST(second.host.str() == "h2");
    BOOST_TEST(first.command.operation.str() == second.command.operation.str());
    BOOST_TEST(std::get<CreateOnHost>(second.command.what).sandbox.host.str() == "h2");
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 0U);
    refuse(first, ErrorCode::internal); // Said twice, and no more of its business.
    done(second, id_in(second), Phase::running);
    BOOST_TEST(made.get()->host.str() == "h2");
    BOOST_TEST(store.sandbox(id_in(first))->host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_move_is_durable_before_the_other_host_is_asked_even_when_that_one_reconnects)
{
    run_with({"h1", "h2"});
    auto made = create();
    const auto first = expect<CreateOnHost>();
    store.hold();
    refuse(first, ErrorCode::resource_exhausted);
    eventually([&] { return store.held() == 1; }, "the move");
    link.say(coordinator::HostInventory{HostName{"h2"}, {}, {}});
    settle();
    BOOST_TEST(link.commands.empty());
    store.let_go();
    const auto second = expect<CreateOnHost>();
    done(second, id_in(second), Phase::running);
    BOOST_TEST(made.get().has_value());
}

BOOST_AUTO_TEST_CASE(when_every_host_refuses_each_reason_is_told_and_the_places_are_free)
{
    run_with({"h1", "h2"});
    auto made = create();
    refuse(expect<CreateOnHost>(), ErrorCode::resource_exhausted);
    const auto last = expect<CreateOnHost>();
    refuse(last, ErrorCode::unavailable, "disk_full");
    const auto error = made.get().error();
    BOOST_CHECK(error.code == ErrorCode::resource_exhausted);
    BOOST_TEST(error.reason == "no_capacity");
    BOOST_TEST(error.details == "h1: it refused: no\nh2: it refused: no");
    BOOST_CHECK(store.sandbox(id_in(last))->phase == Phase::destroyed);
    BOOST_TEST(core->host(me, HostName{"h2"})->used_memory.mib() == 0U);
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_was_to_be_on_one_host_is_not_moved)
{
    run_with({"h1", "h2"});
    auto what = request();
    what.host = HostName{"h1"};
    auto made = create(what);
    refuse(expect<CreateOnHost>(), ErrorCode::resource_exhausted, "no_room");
    BOOST_TEST(reason_of(made.get()) == "no_room");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_create_that_failed_on_its_host_is_recorded_as_destroyed)
{
    run_with({"h1", "h2"});
    auto made = create(request("box"));
    const auto sent = expect<CreateOnHost>();
    refuse(sent, ErrorCode::internal, "qemu_failed");
    const auto result = made.get();
    BOOST_CHECK(result.error().code == ErrorCode::unavailable); // Not this process's bug.
    BOOST_TEST(reason_of(result) == "host_failed");
    const auto record = *store.sandbox(id_in(sent));
    BOOST_CHECK(record.phase == Phase::destroyed);
    BOOST_TEST(record.deleted_at.has_value());
    BOOST_TEST(record.error == "host h1 failed: no");
    const Texts rows{"sandbox.create intent", "sandbox.create host_failed"};
    BOOST_TEST(store.audit_of(record.id.str()) == rows, boost::test_tools::per_element());
    BOOST_TEST(store.operations().at(0).status == "failed");
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 0U);
    BOOST_TEST(core->list(me, {})->total == 0U);
    BOOST_CHECK(now(record.id).phase == Phase::destroyed);
    BOOST_TEST(running(request("box")).name == "box");
}

BOOST_AUTO_TEST_CASE(a_stop_while_a_create_boots_ends_the_create_and_keeps_the_sandbox)
{
    run_with({"h1", "h2"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    const auto id = id_in(sent);
    auto stopped = stop(id);
    const auto stopping = expect<StopOnHost>();
    cut_short(sent, ErrorCode::failed_precondition, "stopped");
    BOOST_TEST(reason_of(made.get()) == "stopped");
    done(stopping, id, Phase::stopped);
    BOOST_CHECK(stopped.get()->phase == Phase::stopped);
    BOOST_TEST(now(id).host == sent.host);
    BOOST_TEST(now(id).error == "");
    BOOST_TEST(link.commands.empty()); // Neither moved nor destroyed.
}

BOOST_AUTO_TEST_CASE(a_guest_that_does_not_come_through_its_boot_is_kept_as_its_host_says)
{
    run_with({"h1", "h2"});
    for (const auto phase : {Phase::stopped, Phase::error, Phase::paused}) {
        auto made = create();
        const auto sent = expect<CreateOnHost>();
        const auto id = id_in(sent);
        cut_short(sent, ErrorCode::failed_precondition, "guest_stopped");
        BOOST_TEST(reason_of(made.get()) == "guest_stopped");
        BOOST_TEST((link.syncs.take() == sent.host));
        status(sent.host.str(), report(id, phase));
        await_stored(id, phase);
        BOOST_TEST(store.operations().back().status == "failed");
        BOOST_TEST(link.commands.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_create_that_is_undone_ends_the_stop_that_came_in_between)
{
    run_with({"h1", "h2"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    auto stopped = stop(id_in(sent));
    const auto stopping = expect<StopOnHost>();
    refuse(sent, ErrorCode::resource_exhausted, "disk_full");
    BOOST_TEST(reason_of(made.get()) == "disk_full");
    BOOST_TEST(reason_of(stopped.get()) == "wrong_state");
    refuse(stopping, ErrorCode::not_found); // Its late word changes nothing.
    settle();
    BOOST_CHECK(now(id_in(sent)).phase == Phase::destroyed);
    BOOST_TEST(link.commands.empty()); // It is not moved: somebody wanted it stopped.
    for (const auto& operation : store.operations()) {
        BOOST_TEST(operation.status == "failed");
    }
}

BOOST_AUTO_TEST_CASE(what_a_slow_host_undid_is_no_unknown_outcome_and_another_takes_it)
{
    run_with({"h1", "h2"});
    auto made = create();
    refuse(expect<CreateOnHost>(), ErrorCode::timeout);
    const auto second = expect<CreateOnHost>();
    BOOST_TEST(second.host.str() == "h2");
    refuse(second, ErrorCode::timeout);
    BOOST_CHECK(made.get().error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(core->list(me, {})->total == 0U);
}

BOOST_AUTO_TEST_CASE(a_boot_that_takes_too_long_is_told_so_and_runs_later)
{
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    const auto id = id_in(sent);
    cut_short(sent, ErrorCode::timeout, "boot_timeout");
    const auto result = made.get();
    BOOST_CHECK(result.error().code == ErrorCode::timeout);
    BOOST_TEST(reason_of(result) == "boot_timeout");
    BOOST_CHECK(now(id).phase == Phase::starting);
    BOOST_TEST(store.operations().at(0).status == "unknown");
    status("h1", report(id, Phase::running));
    await(id, Phase::running);
    BOOST_TEST(link.acknowledged.take().seq == 1U);
    BOOST_CHECK(store.sandbox(id)->phase == Phase::running);
    BOOST_CHECK(now(id).desired == Desired::running);
}

BOOST_AUTO_TEST_CASE(a_host_that_keeps_silent_is_a_timeout_and_its_late_answer_is_recorded)
{
    settings.boot_timeout = std::chrono::milliseconds{20};
    settings.grace = std::chrono::milliseconds{20};
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    BOOST_TEST(reason_of(made.get()) == "boot_timeout");
    BOOST_TEST(store.audit_of(id_in(sent).str()).size() == 1U);
    done(sent, id_in(sent), Phase::running);
    await_stored(id_in(sent), Phase::running);
    BOOST_TEST(store.audit_of(id_in(sent).str()).back() == "sandbox.create ok");
}

BOOST_AUTO_TEST_CASE(a_create_may_wait_for_the_address)
{
    run_with({"h1"});
    auto what = request();
    what.wait_for_ip = true;
    auto made = create(what);
    const auto sent = expect<CreateOnHost>();
    done(sent, id_in(sent), Phase::running);
    await_stored(id_in(sent), Phase::running);
    settle();
    BOOST_TEST(!made.ready());
    auto report = CoreFixture::report(id_in(sent), Phase::running);
    report.ip = "10.0.0.9";
    status("h1", report);
    BOOST_TEST(made.get()->ip == "10.0.0.9");
}

BOOST_AUTO_TEST_CASE(
    an_outcome_that_could_not_be_recorded_is_unknown_to_the_caller_and_written_later)
{
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    store.fail(ErrorCode::unavailable);
    done(sent, id_in(sent), Phase::running);
    const auto result = made.get();
    // It stands: whoever takes this for a failure would make a second one.
    BOOST_CHECK(result.error().code == ErrorCode::timeout);
    BOOST_TEST(reason_of(result) == "outcome_unknown");
    BOOST_CHECK(store.sandbox(id_in(sent))->phase == Phase::placing);
    store.recover();
    await_stored(id_in(sent), Phase::running);
    const Texts rows{"sandbox.create intent", "sandbox.create ok"};
    BOOST_TEST(store.audit_of(id_in(sent).str()) == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_address_that_does_not_come_in_time_leaves_a_sandbox_without_one)
{
    settings.ip_timeout = std::chrono::milliseconds{20};
    run_with({"h1"});
    auto what = request();
    what.wait_for_ip = true;
    BOOST_CHECK(running(what).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_the_address_of_a_sandbox_without_a_network)
{
    run_with({"h1"});
    auto what = request();
    what.wait_for_ip = true;
    what.network = coordinator::NetworkMode::none;
    BOOST_TEST(reason_of(create(what).get()) == "no_network");
    BOOST_TEST(core->list(me, {})->total == 0U);
    what.wait_for_ip = false;
    const auto id = running(what).id;
    BOOST_TEST(reason_of(core->start(me, id, true)) == "no_network");
    BOOST_TEST(reason_of(core->ip(me, id)) == "no_network");
}

BOOST_AUTO_TEST_CASE(over_the_bound_of_operations_more_are_told_to_come_again)
{
    settings.max_operations = 1;
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    BOOST_CHECK(create().get().error().code == ErrorCode::rate_limited);
    done(sent, id_in(sent), Phase::running);
    BOOST_TEST(made.get().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(core_create_at_once_tests, CoreFixtureAtOnce)

BOOST_AUTO_TEST_CASE(a_store_that_answers_within_the_call_is_as_good)
{
    run_with({"h1"});
    BOOST_CHECK(running(request("box")).phase == Phase::running);
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(create().get()) == "database_unavailable");
}

BOOST_AUTO_TEST_SUITE_END()
