#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct FailingMoveFixture : MovingFixture {
    FailingMoveFixture() { run_two(); }

    /// It goes on where it was, and nothing is left of the move.
    void goes_on(const SandboxId& id, const std::string& reason)
    {
        done(expect_on<StartOnHost>("h1"), id, Phase::running);
        stays(id, reason);
        const auto sent = expect_on<DeleteSnapshotOnHost>("h1");
        BOOST_TEST(std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot == state);
        answer(sent, std::monostate{});
        await_status(state, Status::deleted);
        nothing_is_asked();
    }
    /// It is there as it was, as far as the records say.
    void stays(const SandboxId& id, const std::string& reason)
    {
        await_trouble(id, reason);
        eventually([&] { return store.sandbox(id)->moving_to.empty(); }, "its mark goes");
        const auto row = *store.sandbox(id);
        BOOST_TEST(row.host.str() == "h1");
        BOOST_TEST(row.left_host.str() == "");
        BOOST_CHECK(row.phase == Phase::running);
        await_audited(id, "sandbox.move " + reason);
        BOOST_TEST(used("h1") == 250U);
        BOOST_TEST(used("h2") == 0U);
        BOOST_TEST(progress()->moved == 0U);
    }
    void refused(const Sent& sent, ErrorCode code, const std::string& reason)
    {
        link.say(coordinator::HostAnswer{
            sent.host, sent.command.operation, common::Error{code, "no", reason}, {}});
    }
    void dropped(const SnapshotId& one)
    {
        const auto sent = expect_on<DeleteSnapshotOnHost>("h2");
        BOOST_TEST(std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot == one);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_moving_failing_tests, FailingMoveFixture)

BOOST_AUTO_TEST_CASE(what_cannot_be_copied_stays_and_was_never_interrupted)
{
    const auto id = runs();
    const auto one = taken(id, "one").id;
    taken(id, "two");
    drain();
    refused(expect_on<OfferSnapshotOnHost>("h1"), ErrorCode::not_found, "unknown_snapshot");
    stays(id, "unknown_snapshot");
    nothing_is_asked();
    clock.stand_still(seconds{16}); // It is tried again.
    BOOST_TEST(copied() == one);
    answer(expect_on<OfferSnapshotOnHost>("h1"), offer());
    refused(
        expect_on<FetchSnapshotOnHost>("h2"), ErrorCode::failed_precondition, "checkpoint_damaged");
    dropped(one);
    stays(id, "checkpoint_damaged");
    BOOST_TEST(used("h2") == 0U);
    clock.stand_still(seconds{16});
    eventually([&] { return trouble(id) == "no_capacity"; }, "another host to be wanted");
    nothing_is_asked(); // It would fail again.
    clock.stand_still(seconds{61});
    const auto fetch = offered();
    auto another = copy(fetch);
    another.id = SnapshotId{"snp-another"};
    answer(fetch, another); // It says that it has something else.
    stays(id, "host_failed");
    clock.stand_still(seconds{16});
    answer(expect_on<OfferSnapshotOnHost>("h1"), std::monostate{});
    stays(id, "host_failed");
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(what_its_user_did_while_it_was_copied_stays_done)
{
    const auto asleep = runs();
    taken(asleep, "kept");
    auto sleeping = suspend(asleep);
    done(expect_on<SuspendOnHost>("h1"), asleep, Phase::suspended);
    BOOST_TEST(sleeping.get().has_value());
    drain();
    auto offering = expect_on<OfferSnapshotOnHost>("h1");
    auto woken = start(asleep);
    done(expect_on<StartOnHost>("h1"), asleep, Phase::running);
    BOOST_TEST(woken.get().has_value());
    refused(offering, ErrorCode::unavailable, "host_failed");
    await_trouble(asleep, "host_failed");
    nothing_is_asked(); // It is not put to sleep.
    BOOST_CHECK(now(asleep).phase == Phase::running);
    clock.stand_still(seconds{16});
    offering = expect_on<OfferSnapshotOnHost>("h1");
    auto held = pause(asleep);
    done(expect_on<PauseOnHost>("h1"), asleep, Phase::paused);
    BOOST_TEST(held.get().has_value());
    refused(offering, ErrorCode::unavailable, "disk_full");
    await_trouble(asleep, "disk_full");
    nothing_is_asked(); // Nor awake.
    BOOST_CHECK(now(asleep).phase == Phase::paused);
}

BOOST_AUTO_TEST_CASE(a_pause_that_is_refused_ends_it)
{
    const auto id = runs();
    const auto one = taken(id, "one").id;
    drain();
    BOOST_TEST(copied() == one);
    refused(expect_on<PauseOnHost>("h1"), ErrorCode::failed_precondition, "not_now");
    dropped(one);
    stays(id, "not_now");
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(a_capture_that_is_refused_lets_it_go_on)
{
    const auto id = runs();
    drain();
    done(expect_on<PauseOnHost>("h1"), id, Phase::paused);
    refused(expect_on<SnapshotOnHost>("h1"), ErrorCode::failed_precondition, "disk_full");
    const auto going = expect_on<StartOnHost>("h1");
    BOOST_TEST(store.sandbox(id)->moving_to.str() == "h2"); // Until it goes.
    done(going, id, Phase::running);
    stays(id, "disk_full");
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(one_whose_agent_did_not_hold_it_still_goes_on)
{
    const auto id = runs();
    drain();
    done(expect_on<PauseOnHost>("h1"), id, Phase::paused);
    const auto capture = expect_on<SnapshotOnHost>("h1");
    state = snapshot_in(capture);
    answer(capture, made(capture));
    goes_on(id, "guest_not_frozen");
}

BOOST_AUTO_TEST_CASE(what_was_asleep_falls_asleep_again)
{
    const auto id = suspended(on_h1());
    drain();
    done(expect_on<StartOnHost>("h1"), id, Phase::running);
    refused(crossing(id), ErrorCode::resource_exhausted, "disk_full");
    done(expect_on<SuspendOnHost>("h1"), id, Phase::suspended);
    await_trouble(id, "disk_full");
    await_stored(id, Phase::suspended);
    answer(expect_on<DeleteSnapshotOnHost>("h1"), std::monostate{});
    uncordon();
    const auto still = paused();
    drain();
    clock.stand_still(seconds{16});
    const auto first = next_until(
        [](const auto& sent) { return std::holds_alternative<SnapshotOnHost>(sent.command.what); });
    refused(first, ErrorCode::resource_exhausted, "disk_full");
    eventually([&] { return trouble(still) == "disk_full"; }, "the trouble");
    BOOST_CHECK(now(still).phase == Phase::paused);
}

BOOST_AUTO_TEST_CASE(a_target_that_is_silent_for_too_long_lets_it_go_on)
{
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    clock.stand_still(seconds{61});
    dropped(state);
    goes_on(id, "host_silent");
    answer(fetch, copy(fetch)); // Too late.
    dropped(state);
    nothing_is_asked();
    inventory("h2", {}, {copy(fetch)});
    dropped(state);
}

BOOST_AUTO_TEST_CASE(pieces_that_are_asked_for_keep_it_going)
{
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    for (int i = 0; i < 3; ++i) {
        clock.stand_still(seconds{40});
        link.say(coordinator::HostWantsPiece{
            HostName{"h2"}, fetch.command.operation, "digest-ram", 0, 10});
        expect_on<coordinator::GivePieceOnHost>("h1");
    }
    answer(fetch, copy(fetch));
    expect_on<CreateOnHost>("h2");
}

BOOST_AUTO_TEST_CASE(no_room_any_more_when_all_is_there_lets_it_go_on)
{
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    for (int i = 0; i < 4; ++i) {
        running(); // On h2, since h1 is cordoned.
    }
    answer(fetch, copy(fetch));
    dropped(state);
    done(expect_on<StartOnHost>("h1"), id, Phase::running);
    await_trouble(id, "no_capacity");
    BOOST_TEST(used("h1") == 250U);
    BOOST_TEST(used("h2") == 1000U);
}

BOOST_AUTO_TEST_CASE(a_target_that_is_cordoned_meanwhile_does_not_get_it)
{
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    drain("h2");
    answer(fetch, copy(fetch));
    dropped(state);
    goes_on(id, "no_capacity");
}

BOOST_AUTO_TEST_CASE(what_does_not_stand_still_any_more_is_not_handed_over)
{
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    status("h1", report(id, Phase::running, 5)); // Somebody resumed it by hand.
    await(id, Phase::running);
    answer(fetch, copy(fetch));
    dropped(state);
    stays(id, "wrong_state");
    answer(expect_on<DeleteSnapshotOnHost>("h1"), std::monostate{});
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(what_began_to_run_meanwhile_does_not_go_to_a_host_that_cannot_load_it)
{
    auto another = movable("h2");
    another.qemu_version = "8.0";
    join_with(another, "h2");
    const auto id = off();
    taken(id, "kept", false);
    drain();
    const auto fetch = offered();
    auto started = start(id);
    done(expect_on<StartOnHost>("h1"), id, Phase::running);
    BOOST_TEST(started.get().has_value());
    answer(fetch, copy(fetch));
    dropped(std::get<FetchSnapshotOnHost>(fetch.command.what).snapshot);
    stays(id, "state_incompatible");
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(an_arrival_that_is_undone_brings_it_back_once_that_is_on_record)
{
    const auto id = runs();
    const auto kept = taken(id, "kept").id;
    drain();
    copied();
    const auto create = arriving(id);
    store.hold();
    undone(create);
    eventually([&] { return store.held() > 0; }, "the write");
    nothing_is_asked();
    BOOST_TEST(store.sandbox(id)->host.str() == "h2");
    // Neither time nor what its hosts say have anything asked of them.
    clock.stand_still(std::chrono::minutes{6});
    for (const auto* host : {"h1", "h2"}) {
        link.say(coordinator::HostBeat{HostName{host}, movable(host)});
    }
    inventory("h1", {report(id, Phase::paused, 2)}, {});
    nothing_is_asked();
    store.let_go();
    dropped(kept);
    dropped(state);
    const auto going = expect_on<StartOnHost>("h1");
    BOOST_TEST(going.command.generation > create.command.generation);
    BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    BOOST_TEST(stored(kept).host.str() == "h1");
    BOOST_TEST(stored(kept).path == "/cp/" + kept.str());
    done(going, id, Phase::running);
    stays(id, "no_capacity");
    answer(expect_on<DeleteSnapshotOnHost>("h1"), std::monostate{});
    BOOST_CHECK(stored(kept).status == Status::ready);
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(a_store_that_fails_when_it_is_brought_back_is_asked_until_it_does_not)
{
    const auto id = runs();
    drain();
    const auto create = arriving(id);
    store.fail(ErrorCode::timeout, [](const auto& changes) { return is_about(changes, "h1"); });
    const auto before = store.attempts();
    undone(create);
    eventually([&] { return store.attempts() > before; }, "the write");
    nothing_is_asked();
    clock.stand_still(seconds{3});
    eventually([&] { return store.attempts() > before + 1; }, "another one");
    nothing_is_asked();
    store.recover();
    clock.stand_still(seconds{3});
    dropped(state);
    goes_on(id, "no_capacity");
}

BOOST_AUTO_TEST_CASE(an_arrival_of_which_nobody_knows_is_asked_for_again)
{
    const auto id = runs();
    const auto kept = taken(id, "kept").id;
    drain();
    copied();
    const auto create = arriving(id);
    refused(create, ErrorCode::unavailable, "host_failed");
    eventually([&] { return now(id).error == "no"; }, "the error");
    await_audited(id, "sandbox.move host_failed");
    BOOST_CHECK(progress()->state == DrainProgress::State::draining); // Something is left there.
    // Until then neither host loses anything, whatever it tells.
    inventory("h1", {report(id, Phase::paused, 2)}, {made(id, kept), made(id, state)});
    inventory("h2", {}, {made(id, kept), made(id, state)});
    nothing_is_asked();
    BOOST_CHECK(now(id).phase == Phase::restoring);
    clock.stand_still(seconds{11});
    const auto again = expect_on<CreateOnHost>("h2");
    BOOST_TEST(again.command.operation != create.command.operation);
    BOOST_CHECK(std::get<CreateOnHost>(again.command.what).from_snapshot == state);
    BOOST_TEST(std::get<CreateOnHost>(again.command.what).start);
    arrived(again, id);
    cleaned_up();
    await_left(id);
    BOOST_TEST(stored(kept).host.str() == "h2");
    BOOST_CHECK(stored(kept).status == Status::ready);
}

BOOST_AUTO_TEST_CASE(one_that_is_asked_for_again_may_still_come_back)
{
    const auto id = runs();
    const auto kept = taken(id, "kept").id;
    drain();
    copied();
    refused(arriving(id), ErrorCode::unavailable, "host_failed");
    eventually([&] { return now(id).error == "no"; }, "the error");
    clock.stand_still(seconds{11});
    undone(expect_on<CreateOnHost>("h2"));
    done(expect_on<StartOnHost>("h1"), id, Phase::running);
    answer(expect_on<DeleteSnapshotOnHost>("h1"), std::monostate{});
    eventually([&] { return store.sandbox(id)->moving_to.empty(); }, "the end");
    BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    BOOST_TEST(store.sandbox(id)->left_host.str() == "");
    BOOST_TEST(stored(kept).host.str() == "h1");
}

BOOST_AUTO_TEST_CASE(an_arrival_that_takes_too_long_is_asked_for_again)
{
    const auto id = runs();
    drain();
    // It may come to nothing yet: neither host loses what it could be made of.
    refused(arriving(id), ErrorCode::timeout, "boot_timeout");
    await_audited(id, "sandbox.move boot_timeout");
    nothing_is_asked();
    BOOST_CHECK(progress()->state == DrainProgress::State::draining);
    BOOST_TEST(progress()->left.front().reason == "arriving");
    clock.stand_still(seconds{11});
    arrived(expect_on<CreateOnHost>("h2"), id);
    cleaned_up();
    await_left(id);
    await_drain(DrainProgress::State::drained);
}

BOOST_AUTO_TEST_SUITE_END()
