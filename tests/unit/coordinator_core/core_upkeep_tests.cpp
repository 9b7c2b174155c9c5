#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_upkeep_tests, CoreFixture)

BOOST_AUTO_TEST_CASE(what_has_outlived_its_time_is_destroyed_in_whatever_phase)
{
    store.snapshot.hosts = {recorded_host("h1")};
    std::vector<coordinator::SandboxReport> has;
    for (const auto phase : {Phase::placing,
                             Phase::created,
                             Phase::starting,
                             Phase::running,
                             Phase::paused,
                             Phase::stopping,
                             Phase::suspended,
                             Phase::stopped,
                             Phase::lost,
                             Phase::error}) {
        auto one = recorded("sbx-" + std::string{to_string(phase)}, phase);
        one.memory = Bytes::mib(1);
        one.overhead = {};
        one.expires_at = clock.wall() + std::chrono::hours{1};
        store.snapshot.sandboxes.push_back(one);
        has.push_back(report(one.id, phase));
    }
    auto without_end = recorded("sbx-eternal", Phase::running);
    store.snapshot.sandboxes.push_back(without_end);
    has.push_back(report(without_end.id, Phase::running));
    run();
    connect("h1", has);
    settle();
    BOOST_TEST(link.commands.empty());
    clock.leap(std::chrono::hours{2});
    for (std::size_t i = 0; i + 1 < has.size(); ++i) {
        const auto sent = expect<DestroyOnHost>();
        done(sent, std::get<DestroyOnHost>(sent.command.what).id, Phase::destroyed);
    }
    eventually([&] { return core->list(me, {})->total == 1; }, "the end of all but one");
    BOOST_TEST(core->list(me, {})->sandboxes.at(0).id.str() == "sbx-eternal");
    BOOST_TEST(store.audit().back().caller.actor == "system:janitor");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_sandbox_expires_even_while_it_is_being_made)
{
    run_with({"h1"});
    auto what = request();
    what.ttl = std::chrono::seconds{3600};
    auto made = create(what);
    const auto id = id_in(expect<CreateOnHost>());
    clock.leap(std::chrono::hours{2});
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(reason_of(made.get()) == "wrong_state");
    await_stored(id, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(an_expiry_that_cannot_be_written_is_tried_again)
{
    run_with({"h1"});
    auto what = request();
    what.ttl = std::chrono::seconds{3600};
    const auto id = running(what).id;
    store.fail(ErrorCode::unavailable);
    const auto before = store.attempts();
    clock.leap(std::chrono::hours{2});
    eventually([&] { return store.attempts() > before + 2; }, "attempts");
    store.recover();
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    await_stored(id, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_destroy_taken_up_again_that_cannot_be_written_is_not_forgotten)
{
    auto doomed = recorded("sbx-1", Phase::running);
    doomed.desired = Desired::destroyed;
    store.snapshot.hosts = {recorded_host("h1")};
    store.snapshot.sandboxes = {doomed};
    run();
    store.fail(ErrorCode::unavailable, [](const auto& changes) {
        return std::holds_alternative<Sandbox>(changes.front());
    });
    const auto before = store.attempts();
    connect("h1", {report(doomed.id, Phase::running)});
    eventually([&] { return store.attempts() > before + 1; }, "the first attempt");
    settle();
    store.recover();
    done(expect<DestroyOnHost>(), doomed.id, Phase::destroyed);
    await_stored(doomed.id, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(what_a_host_leaves_unanswered_is_sent_again)
{
    settings.resend_after = std::chrono::milliseconds{20};
    run_with({"h1"});
    auto made = create();
    const auto first = expect<CreateOnHost>();
    const auto again = expect<CreateOnHost>();
    BOOST_TEST(first.command.operation.str() == again.command.operation.str());
    done(again, id_in(again), Phase::running);
    const auto id = made.get()->id;
    auto ran = exec(id);
    auto sent = link.commands.take_until(
        [](const auto& one) { return std::holds_alternative<ExecOnHost>(one.command.what); });
    BOOST_TEST(!std::get<ExecOnHost>(sent.command.what).resumed);
    sent = expect<ExecOnHost>();
    BOOST_TEST(std::get<ExecOnHost>(sent.command.what).resumed); // Never begun twice.
    answer(sent, output("found"));
    BOOST_TEST(ran.get()->stdout_text == "found");
}

BOOST_AUTO_TEST_CASE(everything_that_a_dead_database_missed_is_written_when_it_is_back)
{
    run_with({"h1"});
    const auto first = running().id;
    const auto second = running().id;
    auto ran = exec(first);
    const auto sent = expect<ExecOnHost>();
    store.fail(ErrorCode::unavailable);
    answer(sent, output("x"));
    BOOST_TEST(!ran.get().has_value());
    status("h1", report(first, Phase::stopped), 1);
    status("h1", report(first, Phase::running), 2);
    status("h1", report(first, Phase::error), 3);
    link.say(coordinator::HostInventory{HostName{"h1"}, {report(first, Phase::error)}, {}});
    await(second, Phase::lost);
    store.recover();
    await_stored(first, Phase::error); // As it is by then.
    await_stored(second, Phase::lost);
    BOOST_TEST(store.command(sent.command.operation)->status == "finished");
}

BOOST_AUTO_TEST_CASE(an_outcome_that_the_database_refuses_keeps_no_other_from_being_recorded)
{
    run_with({"h1"});
    const auto id = running().id;
    std::vector<common::OperationId> operations;
    const auto intent = [](const std::vector<coordinator::Change>& changes) {
        return std::holds_alternative<coordinator::AuditRow>(changes.back()) &&
               std::get<coordinator::AuditRow>(changes.back()).kind ==
                   coordinator::AuditRow::Kind::intent;
    };
    store.fail(ErrorCode::unavailable, [intent](const auto& changes) { return !intent(changes); });
    for (int i = 0; i < 5; ++i) {
        auto ran = exec(id);
        const auto sent = expect<ExecOnHost>();
        answer(sent, output("x"));
        BOOST_TEST(!ran.get().has_value());
        operations.push_back(sent.command.operation);
    }
    store.fail(ErrorCode::invalid_argument, [&](const auto& changes) {
        return std::ranges::any_of(changes, [&](const auto& change) {
            const auto* command = std::get_if<Command>(&change);
            return command != nullptr && command->operation == operations.at(1);
        });
    });
    const auto finished = [&](std::size_t number) {
        return store.command(operations.at(number))->status == "finished";
    };
    for (const std::size_t number : {0U, 2U, 3U, 4U}) {
        eventually([&] { return finished(number); }, "what was not refused");
    }
    BOOST_TEST(!finished(1));
    store.recover();
    eventually([&] { return finished(1); }, "what was refused, once it is not any more");
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(std::ranges::count(rows, "command.run ok") == 5);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_lost_host_takes_no_place_from_the_others)
{
    settings.max_operations = 1;
    settings.lost_after = std::chrono::seconds{3};
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    await_health("h1", HostHealth::lost);
    connect("h2");
    auto made = create();
    const auto creating = expect<CreateOnHost>();
    done(creating, id_in(creating), Phase::running);
    BOOST_TEST(made.get()->host.str() == "h2");
    connect("h1", {report(id, Phase::running)}); // It still has it, and is asked.
    answer(expect<ExecOnHost>(), output("late"));
    BOOST_TEST(ran.get()->stdout_text == "late");
}

BOOST_FIXTURE_TEST_CASE(old_snapshots_are_deleted, CheckpointFixture)
{
    settings.snapshot_max_age = std::chrono::hours{24};
    settings.old_snapshots_every = std::chrono::milliseconds{5};
    run_with({"h1"});
    const auto id = running().id;
    const auto old = taken(id, "old").id;
    clock.leap(std::chrono::hours{23});
    static_cast<void>(taken(id, "young"));
    settle();
    BOOST_TEST(link.commands.empty());
    clock.leap(std::chrono::hours{2});
    const auto sent = expect<DeleteSnapshotOnHost>();
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot.str() == old.str());
    answer(sent, std::monostate{});
    await_status(old, Status::deleted);
    BOOST_CHECK(core->snapshot(me, id, "young")->status == Status::ready);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_SUITE_END()
