#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct EndedMoveFixture : MovingFixture {
    /// Both are destroyed where they are, in whichever order, and it is over on record.
    void ends_on_both(const SandboxId& id)
    {
        Texts hosts;
        for (int i = 0; i < 2; ++i) {
            const auto sent = expect<DestroyOnHost>();
            hosts.push_back(sent.host.str());
            answer(sent, std::monostate{});
        }
        std::ranges::sort(hosts);
        BOOST_TEST(hosts == (Texts{"h1", "h2"}), boost::test_tools::per_element());
        is_over(id);
    }
    void is_over(const SandboxId& id)
    {
        await_stored(id, Phase::destroyed);
        eventually([&] { return is_nowhere_else(id); }, "it has left");
        await_drain(DrainProgress::State::drained);
        BOOST_TEST(used("h1") == 0U);
        BOOST_TEST(used("h2") == 0U);
        for (const auto& row : store.operations()) {
            BOOST_TEST(row.status != "running");
        }
        nothing_is_asked();
    }
    bool keeps_h1_alive()
    {
        link.say(coordinator::HostBeat{HostName{"h1"}, movable("h1")});
        return true;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_moving_destroy_tests, EndedMoveFixture)

BOOST_AUTO_TEST_CASE(destroyed_while_it_is_copied_it_is_so_at_once)
{
    run_two();
    const auto id = runs();
    const auto one = taken(id, "one").id;
    taken(id, "two");
    drain();
    BOOST_TEST(copied() == one);
    answer(expect_on<OfferSnapshotOnHost>("h1"), offer());
    const auto fetch = expect_on<FetchSnapshotOnHost>("h2");
    auto asked = destroy(id);
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{});
    BOOST_TEST(asked.get().has_value());
    const auto dropped = expect_on<DeleteSnapshotOnHost>("h2");
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(dropped.command.what).snapshot == one);
    expect_on<DeleteSnapshotOnHost>("h2"); // Of what it was about to have.
    await_audited(id, "sandbox.move wrong_state");
    is_over(id);
    answer(fetch, copy(fetch)); // What has come in spite of it goes when it is told of.
    expect_on<DeleteSnapshotOnHost>("h2");
    nothing_is_asked();
    inventory("h2", {}, {copy(fetch)});
    expect_on<DeleteSnapshotOnHost>("h2");
}

BOOST_AUTO_TEST_CASE(destroyed_before_it_is_written_that_it_moves_nothing_is_copied)
{
    run_two();
    const auto id = runs();
    taken(id, "one");
    drain();
    expect_on<OfferSnapshotOnHost>("h1");
    uncordon();
    const auto second = runs();
    taken(second, "one");
    store.hold();
    link.say(coordinator::HostBeat{HostName{"h1"}, movable("h1")});
    auto draining = std::async(std::launch::async, [this] {
        return core->change_host(me, HostName{"h1"}, {.drain = seconds{60}, .labels = {}});
    });
    eventually([&] { return trouble(second) == "moving"; }, "the move");
    auto asked = destroy(second);
    eventually([&] { return store.held() > 2; }, "all writes");
    store.let_go();
    const auto destroying = next_until(
        [](const auto& sent) { return std::holds_alternative<DestroyOnHost>(sent.command.what); });
    answer(destroying, std::monostate{});
    BOOST_TEST(asked.get().has_value());
    BOOST_TEST(draining.get().has_value());
    await_stored(second, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(destroyed_while_it_stands_still_it_is_so_at_once)
{
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    auto asked = destroy(id);
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{});
    BOOST_TEST(asked.get().has_value());
    expect_on<DeleteSnapshotOnHost>("h2");
    answer(fetch, copy(fetch)); // In spite of it.
    expect_on<DeleteSnapshotOnHost>("h2");
    await_drain(DrainProgress::State::drained);
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(destroyed_while_it_is_made_there_it_is_so_on_both_hosts)
{
    run_two();
    const auto id = runs();
    drain();
    const auto create = arriving(id);
    auto asked = destroy(id);
    answer(expect_on<DestroyOnHost>("h2"), std::monostate{});
    BOOST_TEST(asked.get().has_value());
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{});
    is_over(id);
    arrived(create, id); // Too late.
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(one_that_is_being_destroyed_does_not_come_back)
{
    run_two();
    const auto id = runs();
    drain();
    const auto create = arriving(id);
    auto asked = destroy(id);
    const auto destroying = expect_on<DestroyOnHost>("h2");
    undone(create);
    nothing_is_asked();
    BOOST_TEST(store.sandbox(id)->host.str() == "h2");
    answer(destroying, std::monostate{});
    BOOST_TEST(asked.get().has_value());
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{});
    is_over(id);
}

BOOST_AUTO_TEST_CASE(destroyed_before_it_is_that_hosts_on_record_it_is_never_made_there)
{
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    store.fail(ErrorCode::unavailable, [](const auto& changes) {
        return std::ranges::any_of(
            changes, [](const auto& it) { return std::holds_alternative<Checkpoint>(it); });
    });
    const auto before = store.attempts();
    answer(fetch, copy(fetch));
    eventually([&] { return store.attempts() > before; }, "the write");
    auto asked = destroy(id);
    const auto destroying = expect_on<DestroyOnHost>("h2");
    store.recover();
    clock.stand_still(seconds{3});
    eventually([&] { return stored(state).host.str() == "h2"; }, "the record");
    nothing_is_asked();
    answer(destroying, std::monostate{});
    BOOST_TEST(asked.get().has_value());
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{});
    is_over(id);
}

BOOST_AUTO_TEST_CASE(a_destroy_that_is_not_recorded_lets_it_be_made)
{
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    store.fail(ErrorCode::unavailable, [](const auto& changes) {
        return std::ranges::any_of(changes, [](const auto& change) {
            const auto* row = std::get_if<Sandbox>(&change);
            return row != nullptr && row->desired == Desired::destroyed;
        });
    });
    store.hold();
    answer(fetch, copy(fetch));
    eventually([&] { return store.held() > 0; }, "the write");
    auto asked = destroy(id);
    eventually([&] { return store.held() > 1; }, "both writes");
    store.let_go();
    BOOST_TEST(reason_of(asked.get()) == "database_unavailable");
    store.recover();
    clock.stand_still(seconds{3});
    arrived(expect_on<CreateOnHost>("h2"), id);
    cleaned_up();
    await_left(id);
}

BOOST_AUTO_TEST_CASE(destroyed_between_two_tries_to_make_it_there_it_is_so_on_both_hosts)
{
    run_two();
    const auto id = runs();
    drain();
    const auto create = arriving(id);
    cut_short(create, ErrorCode::unavailable, "host_failed");
    eventually([&] { return now(id).error == "no"; }, "the error");
    auto asked = destroy(id);
    ends_on_both(id);
    BOOST_TEST(asked.get().has_value());
    clock.stand_still(seconds{11});
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(destroyed_while_its_old_host_still_has_it_it_is_so_on_both)
{
    run_two();
    const auto id = runs();
    drain();
    arrived(arriving(id), id);
    const auto a = next();
    const auto b = next();
    const auto& leaving = std::holds_alternative<DestroyOnHost>(a.command.what) ? a : b;
    answer(&leaving == &a ? b : a, std::monostate{});
    eventually([&] { return store.sandbox(id)->moving_to.empty(); }, "it is there");
    auto asked = destroy(id);
    answer(expect_on<DestroyOnHost>("h2"), std::monostate{});
    BOOST_TEST(asked.get().has_value());
    BOOST_CHECK(progress()->state == DrainProgress::State::draining);
    answer(leaving, std::monostate{});
    is_over(id);
}

BOOST_AUTO_TEST_CASE(its_time_is_over_when_it_has_moved)
{
    run_two();
    auto what = on_h1();
    what.ttl = seconds{60};
    const auto id = running(what).id;
    drain();
    const auto fetch = crossing(id);
    clock.leap(seconds{120});
    nothing_is_asked();
    answer(fetch, copy(fetch));
    arrived(expect_on<CreateOnHost>("h2"), id);
    unsigned on_h2 = 0;
    while (on_h2 == 0) {
        const auto sent = next();
        const bool ends = std::holds_alternative<DestroyOnHost>(sent.command.what);
        on_h2 += ends && sent.host.str() == "h2" ? 1 : 0;
        answer(sent, std::monostate{});
    }
    await_stored(id, Phase::destroyed);
}

BOOST_AUTO_TEST_CASE(a_target_that_is_lost_lets_it_go_on)
{
    settings.suspect_after = std::chrono::milliseconds{400};
    settings.lost_after = std::chrono::milliseconds{500};
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    eventually(
        [&] {
            return keeps_h1_alive() && core->host(me, HostName{"h2"})->health == HostHealth::lost;
        },
        "the loss");
    expect_on<DeleteSnapshotOnHost>("h2"); // For when it is back.
    const auto going = next();
    BOOST_CHECK(std::holds_alternative<StartOnHost>(going.command.what));
    BOOST_TEST(going.host.str() == "h1");
    done(going, id, Phase::running);
    eventually([&] { return keeps_h1_alive() && trouble(id) == "host_silent"; }, "the trouble");
    BOOST_TEST(fetch.host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_source_that_is_lost_keeps_it_and_lets_it_go_on_when_it_is_back)
{
    settings.suspect_after = std::chrono::milliseconds{400};
    settings.lost_after = std::chrono::milliseconds{500};
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    eventually(
        [&] {
            link.say(coordinator::HostBeat{HostName{"h2"}, movable("h2")});
            return core->host(me, HostName{"h1"})->health == HostHealth::lost;
        },
        "the loss");
    // Nobody waits for it: it is not to be reached.
    BOOST_TEST(reason_of(core->run(me, id, {})) == "host_unreachable");
    link.say(coordinator::HostAnswer{
        fetch.host, fetch.command.operation, common::Error{ErrorCode::unavailable, "no", "x"}, {}});
    await_audited(id, "sandbox.move x");
    BOOST_TEST(store.sandbox(id)->moving_to.str() == "h2");
    join("h1", {report(id, Phase::paused, 2)}, {made(id, state)});
    const auto going = next_until(
        [](const auto& sent) { return std::holds_alternative<StartOnHost>(sent.command.what); });
    BOOST_TEST(going.host.str() == "h1");
    done(going, id, Phase::running);
    eventually([&] { return store.sandbox(id)->moving_to.empty(); }, "its mark goes");
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_is_deleted_while_its_host_is_away_is_not_handed_over)
{
    settings.suspect_after = std::chrono::milliseconds{400};
    settings.lost_after = std::chrono::milliseconds{500};
    run_two();
    const auto id = runs();
    const auto kept = taken(id, "kept").id;
    drain();
    copied();
    const auto fetch = crossing(id);
    eventually(
        [&] {
            link.say(coordinator::HostBeat{HostName{"h2"}, movable("h2")});
            return core->host(me, HostName{"h1"})->health == HostHealth::lost;
        },
        "the loss");
    BOOST_TEST(reason_of(core->delete_snapshot(me, id, "kept")) == "outcome_unknown");
    answer(fetch, copy(fetch));
    await_audited(id, "sandbox.move busy");
    BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    BOOST_CHECK(stored(kept).status == Status::deleting);
    const auto rest = next_until([](const auto& sent) { return sent.host.str() == "h2"; });
    BOOST_CHECK(std::holds_alternative<DeleteSnapshotOnHost>(rest.command.what));
}

BOOST_AUTO_TEST_SUITE_END()
