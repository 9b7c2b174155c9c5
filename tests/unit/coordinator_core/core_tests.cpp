#include "coordinator/core/core.hpp"

#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(a_core_starts_with_its_own_epoch)
{
    store.snapshot.epoch = 7;
    core.emplace(store, link, blobs, clock, settings);
    BOOST_TEST(*core->start() == 7U);
}

BOOST_AUTO_TEST_CASE(everybody_who_waits_is_told_when_the_core_ends)
{
    run_with({"h1"});
    const auto id = running().id;
    std::vector<Later<Sandbox>> waiting;
    auto booting = create();
    const auto creating = expect<CreateOnHost>();
    auto waits_for_boot = exec(id_in(creating));
    auto ran = exec(id);
    static_cast<void>(expect<ExecOnHost>());
    auto stopped = stop(id);
    static_cast<void>(expect<StopOnHost>());
    Later<std::string> address{[&] { return core->ip(me, id_in(creating)); }};
    Later<coordinator::VmListing> vms{[&] { return core->vms(me); }};
    static_cast<void>(expect<coordinator::ListVmsOnHost>());
    store.hold();
    auto unwritten = create();
    auto ending = destroy(id);
    eventually([&] { return store.held() == 2; }, "the intents");
    settle();
    core->stop();
    BOOST_TEST(reason_of(booting.get()) == "coordinator_ending");
    BOOST_TEST(reason_of(waits_for_boot.get()) == "coordinator_ending");
    BOOST_TEST(reason_of(ran.get()) == "coordinator_ending");
    BOOST_TEST(reason_of(stopped.get()) == "coordinator_ending");
    BOOST_TEST(reason_of(address.get()) == "coordinator_ending");
    BOOST_TEST(reason_of(vms.get()) == "coordinator_ending");
    BOOST_TEST(reason_of(unwritten.get()) == "coordinator_ending");
    BOOST_TEST(reason_of(ending.get()) == "coordinator_ending");
    BOOST_CHECK(core->get(me, id).error().code == ErrorCode::unavailable);
}

BOOST_AUTO_TEST_CASE(
    an_outcome_that_waits_for_the_store_does_not_keep_its_caller_when_the_core_ends)
{
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    store.hold();
    done(sent, id_in(sent), Phase::running);
    eventually([&] { return store.held() == 1; }, "the outcome");
    settle();
    core->stop();
    BOOST_TEST(reason_of(made.get()) == "coordinator_ending");
}

BOOST_AUTO_TEST_CASE(commits_and_messages_that_come_after_the_end_do_nothing)
{
    run_with({"h1"});
    store.hold();
    auto made = create();
    eventually([&] { return store.held() == 1; }, "the intent");
    core.reset();
    BOOST_TEST(reason_of(made.get()) == "coordinator_ending");
    store.let_go();
    connect("h1");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_fleet_is_read_back_with_its_names_and_places)
{
    store.snapshot.hosts = {recorded_host("h1")};
    store.snapshot.sandboxes = {recorded("sbx-1", Phase::running),
                                recorded("sbx-2", Phase::destroyed)};
    run();
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 250U);
    BOOST_TEST(core->list(me, {})->total == 1U);
    BOOST_TEST(reason_of(create(request("sbx-1")).get()) == "name_taken");
    connect("h1", {report(SandboxId{"sbx-1"}, Phase::running)});
    BOOST_TEST(running(request("sbx-2")).name == "sbx-2");
}

BOOST_AUTO_TEST_CASE(a_command_that_was_under_way_is_looked_for_and_its_outcome_recorded)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id, "sleep 1");
    const auto first = expect<ExecOnHost>();
    crash_and_restart();
    BOOST_TEST(reason_of(ran.get()) == "coordinator_ending");
    settle();
    BOOST_TEST(link.commands.empty());
    connect("h1", {report(id, Phase::running)});
    const auto again = expect<ExecOnHost>();
    BOOST_TEST(again.command.operation.str() == first.command.operation.str());
    BOOST_TEST(std::get<ExecOnHost>(again.command.what).resumed);
    answer(again, output("slept"));
    eventually([&] { return store.command(first.command.operation)->status == "finished"; },
               "the outcome");
    const auto record = *store.command(first.command.operation);
    BOOST_TEST(record.stdout_text == "slept");
    BOOST_TEST(record.command == "sleep 1");
    BOOST_TEST(store.audit_of(id.str()).back() == "command.run ok");
    static_cast<void>(expect<coordinator::AckExecOnHost>());
}

BOOST_AUTO_TEST_CASE(a_command_that_nobody_can_tell_about_any_more_is_unknown)
{
    settings.agent_patience = std::chrono::milliseconds{0};
    for (const auto code :
         {ErrorCode::unavailable, ErrorCode::failed_precondition, ErrorCode::timeout}) {
        store.snapshot = store.after_crash();
        run_with({"h1"});
        const auto id = running().id;
        auto ran = exec(id);
        const auto first = expect<ExecOnHost>();
        crash_and_restart();
        BOOST_TEST(!ran.get().has_value());
        connect("h1", {report(id, Phase::running)});
        refuse(expect<ExecOnHost>(), code);
        eventually(
            [&] { return store.command(first.command.operation)->status == "outcome_unknown"; },
            "the outcome");
        static_cast<void>(expect<coordinator::AckExecOnHost>());
        core.reset();
    }
}

BOOST_AUTO_TEST_CASE(a_command_whose_sandbox_is_gone_is_unknown_at_once)
{
    Command lost;
    lost.id = common::CommandId{"cmd-1"};
    lost.sandbox = SandboxId{"sbx-forgotten"};
    lost.operation = common::OperationId{"op-1"};
    lost.status = "running";
    auto under_destroyed = lost;
    under_destroyed.operation = common::OperationId{"op-2"};
    under_destroyed.sandbox = SandboxId{"sbx-2"};
    store.snapshot.sandboxes = {recorded("sbx-2", Phase::destroyed)};
    store.snapshot.unfinished_commands = {lost, under_destroyed};
    run();
    for (const auto& one : {lost, under_destroyed}) {
        eventually([&] { return store.command(one.operation).has_value(); }, "the outcome");
        BOOST_TEST(store.command(one.operation)->status == "outcome_unknown");
    }
}

BOOST_AUTO_TEST_CASE(a_create_that_no_host_had_begun_is_closed_after_a_restart)
{
    run_with({"h1"});
    auto made = create(request("box"));
    const auto sent = expect<CreateOnHost>();
    const auto id = id_in(sent);
    crash_and_restart();
    BOOST_TEST(!made.get().has_value());
    const Texts rows{"sandbox.create intent", "sandbox.create outcome_unknown"};
    eventually([&] { return store.audit_of(id.str()).size() == 2; }, "the outcome");
    BOOST_TEST(store.audit_of(id.str()) == rows, boost::test_tools::per_element());
    BOOST_TEST(store.operations().at(0).status == "unknown");
    BOOST_TEST(reason_of(create(request("box")).get()) == "name_taken"); // Only its host knows.
    connect("h1");
    await_stored(id, Phase::destroyed);
    BOOST_TEST(running(request("box")).name == "box");
}

BOOST_AUTO_TEST_CASE(a_create_that_a_host_had_begun_goes_on_after_a_restart)
{
    run_with({"h1"});
    auto made = create();
    const auto id = id_in(expect<CreateOnHost>());
    crash_and_restart();
    BOOST_TEST(!made.get().has_value());
    connect("h1", {report(id, Phase::starting)});
    await(id, Phase::starting);
    status("h1", report(id, Phase::running));
    await_stored(id, Phase::running);
    BOOST_CHECK(now(id).desired == Desired::running);
    link.say(coordinator::HostInventory{HostName{"h1"}, {}, {}}); // It counts as made from then on.
    await(id, Phase::lost);
}

BOOST_AUTO_TEST_CASE(a_create_that_a_host_had_begun_and_undoes_after_a_restart_is_closed)
{
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    const auto id = id_in(sent);
    crash_and_restart();
    BOOST_TEST(!made.get().has_value());
    connect("h1", {report(id, Phase::starting)});
    await(id, Phase::starting);
    refuse(sent, ErrorCode::unavailable, "host_failed"); // Nobody waits for that answer.
    BOOST_TEST(link.syncs.take().str() == "h1");
    inventory("h1", {}, {});
    await_stored(id, Phase::destroyed); // Not lost: nobody was ever told of it.
    BOOST_TEST(store.sandbox(id)->error.find("the coordinator ended before") == 0U);
}

BOOST_AUTO_TEST_CASE(a_destroy_that_was_under_way_is_taken_up_after_a_restart)
{
    run_with({"h1"});
    const auto id = running().id;
    auto gone = destroy(id);
    static_cast<void>(expect<DestroyOnHost>());
    crash_and_restart();
    BOOST_TEST(!gone.get().has_value());
    connect("h1", {report(id, Phase::running)});
    const auto again = expect<DestroyOnHost>();
    done(again, id, Phase::destroyed);
    await_stored(id, Phase::destroyed);
    BOOST_TEST(store.audit().back().caller.actor == "system:reconciler");
}

BOOST_AUTO_TEST_CASE(a_destroy_that_was_finished_while_nobody_listened_is_asked_for_again)
{
    run_with({"h1"});
    const auto id = running().id;
    auto gone = destroy(id);
    static_cast<void>(expect<DestroyOnHost>());
    crash_and_restart();
    BOOST_TEST(!gone.get().has_value());
    connect("h1");
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    await_stored(id, Phase::destroyed);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(every_intent_of_a_busy_life_has_exactly_one_outcome)
{
    run_with({"h1", "h2"});
    for (int i = 0; i < 3; ++i) {
        const auto id = running().id;
        auto ran = exec(id);
        answer(expect<ExecOnHost>(), output("x"));
        BOOST_TEST(ran.get().has_value());
        static_cast<void>(expect<coordinator::AckExecOnHost>());
        auto stopped = stop(id);
        done(expect<StopOnHost>(), id, Phase::stopped);
        BOOST_TEST(stopped.get().has_value());
        auto gone = destroy(id);
        done(expect<DestroyOnHost>(), id, Phase::destroyed);
        BOOST_TEST(gone.get().has_value());
    }
    std::map<std::string, int> open;
    for (const auto& row : store.audit()) {
        if (row.action.starts_with("host.")) {
            continue;
        }
        open[row.operation.str()] += row.kind == coordinator::AuditRow::Kind::intent ? 1 : 100;
    }
    BOOST_TEST(open.size() == 12U);
    for (const auto& [operation, rows] : open) {
        BOOST_TEST(rows == 101);
    }
}

BOOST_AUTO_TEST_SUITE_END()
