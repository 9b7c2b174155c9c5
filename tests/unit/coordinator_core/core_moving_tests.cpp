#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::GivePieceOnHost;
using coordinator::PieceOnHost;

namespace {

struct MovesFixture : MovingFixture {
    coordinator::HostWantsPiece wish(const Sent& fetch, const std::string& digest = "digest-ram")
    {
        return {fetch.host, fetch.command.operation, digest, 4096, 1024};
    }
    void give(const Sent& fetch, const std::string& from, const std::string& digest)
    {
        link.say(coordinator::HostGivesPiece{
            HostName{from}, fetch.command.operation, digest, 4096, std::string{"bytes"}, 0});
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_moving_tests, MovesFixture)

BOOST_AUTO_TEST_CASE(what_runs_goes_with_its_memory_and_stands_still_for_the_last_part_alone)
{
    run_two();
    const auto id = runs();
    BOOST_TEST(used("h1") == 250U);
    drain();
    const auto pausing = expect_on<PauseOnHost>("h1");
    BOOST_TEST(store.sandbox(id)->moving_to.str() == "h2"); // It is written why it stands still.
    BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    done(pausing, id, Phase::paused);
    const auto capture = expect_on<SnapshotOnHost>("h1");
    BOOST_TEST(std::get<SnapshotOnHost>(capture.command.what).memory);
    const auto last = snapshot_in(capture);
    state = last;
    BOOST_TEST(stored(last).hidden);
    answer(capture, held_still(capture));
    const auto offering = expect_on<OfferSnapshotOnHost>("h1");
    BOOST_TEST(std::get<OfferSnapshotOnHost>(offering.command.what).snapshot == last);
    BOOST_TEST(std::get<OfferSnapshotOnHost>(offering.command.what).id == id);
    answer(offering, offer());
    const auto fetch = expect_on<FetchSnapshotOnHost>("h2");
    const auto& wanted = std::get<FetchSnapshotOnHost>(fetch.command.what);
    BOOST_TEST(wanted.offer.manifest == "manifest");
    BOOST_TEST(wanted.offer.files.size() == 2U);
    BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    answer(fetch, copy(fetch));

    const auto create = expect_on<CreateOnHost>("h2");
    const auto& what = std::get<CreateOnHost>(create.command.what);
    BOOST_TEST(what.sandbox.id == id);
    BOOST_TEST(what.start);
    BOOST_CHECK(what.from_snapshot == last);
    const auto handed = *store.sandbox(id);
    BOOST_TEST(handed.host.str() == "h2");
    BOOST_TEST(handed.left_host.str() == "h1");
    BOOST_TEST(handed.moving_to.str() == "h2");
    BOOST_TEST(handed.generation == create.command.generation);
    BOOST_TEST(handed.generation > pausing.command.generation);
    BOOST_TEST(stored(last).host.str() == "h2");
    BOOST_TEST(stored(last).path == "/there/" + last.str());
    BOOST_TEST(stored(last).digests.at("ram") == "of-the-copy");
    BOOST_TEST(used("h1") == 250U); // Until it is gone there.
    BOOST_TEST(used("h2") == 250U);
    BOOST_TEST(now(id).ip.empty());
    arrived(create, id);
    cleaned_up();
    await_left(id);
    BOOST_TEST(now(id).ip == "10.0.0.7");
    BOOST_CHECK(store.sandbox(id)->phase == Phase::running);
    await_status(last, Status::deleted);
    await_drain(DrainProgress::State::drained);
    BOOST_TEST(progress()->moved == 1U);
    BOOST_TEST(used("h1") == 0U);
    BOOST_TEST(used("h2") == 250U);
    nothing_is_asked();
    const Texts rows{"sandbox.create intent",
                     "sandbox.create ok",
                     "sandbox.move intent",
                     "sandbox.pause intent",
                     "sandbox.pause ok",
                     "snapshot.create intent",
                     "snapshot.create ok",
                     "sandbox.move ok",
                     "snapshot.delete intent",
                     "snapshot.delete ok"};
    BOOST_TEST(store.audit_of(id.str()) == rows, boost::test_tools::per_element());
    BOOST_TEST(audited(id, "sandbox.move", false) == R"({"to":"h2","phase":"running"})");
    BOOST_TEST(audited(id, "sandbox.move", true).starts_with(R"({"from":"h1","stood_still_ms":")"));
}

BOOST_AUTO_TEST_CASE(kept_snapshots_go_first_the_oldest_first_while_it_runs_on)
{
    run_two();
    const auto id = runs();
    const auto one = taken(id, "one").id;
    const auto two = taken(id, "two", false).id;
    drain();
    const auto offering = expect_on<OfferSnapshotOnHost>("h1");
    BOOST_TEST(std::get<OfferSnapshotOnHost>(offering.command.what).snapshot == one);
    BOOST_CHECK(now(id).phase == Phase::running);
    auto ran = exec(id); // It goes through.
    const auto given = expect_on<ExecOnHost>("h1");
    answer(given, output("x"));
    BOOST_TEST(ran.get().has_value());
    expect_on<coordinator::AckExecOnHost>("h1");
    answer(offering, offer());
    const auto fetch = expect_on<FetchSnapshotOnHost>("h2");
    answer(fetch, copy(fetch));
    BOOST_TEST(copied() == two);
    const auto create = arriving(id);
    for (const auto& kept : {one, two}) {
        BOOST_TEST(stored(kept).host.str() == "h2");
        BOOST_TEST(stored(kept).path == "/there/" + kept.str());
    }
    arrived(create, id);
    cleaned_up();
    await_left(id);
    BOOST_TEST(core->snapshots(me, id, {})->total == 2U);
    BOOST_CHECK(stored(one).status == Status::ready);
    // The host that it left does not have them any more, and need not.
    inventory("h1", {}, {});
    settle();
    BOOST_TEST(stored(one).error.empty());
    // And they are of use where they are now.
    auto restored = restore(id, "two");
    const auto sent = expect_on<RestoreOnHost>("h2");
    done(sent, id, Phase::running);
    BOOST_TEST(restored.get().has_value());
}

BOOST_AUTO_TEST_CASE(snapshots_that_come_and_go_while_others_are_copied_are_not_lost)
{
    run_two();
    const auto id = runs();
    const auto one = taken(id, "one").id;
    drain();
    const auto fetch = offered();
    auto late = snapshot(id, "late");
    const auto taking = expect_on<SnapshotOnHost>("h1");
    answer(fetch, copy(fetch)); // Now it waits for the new one to be there.
    settle();
    auto asked = snapshot(id, "after"); // Too late: it waits for the move.
    await_waiting_for_move(1);
    answer(taking, made(taking));
    BOOST_TEST(late.get().has_value());
    const auto two = snapshot_in(taking);
    // It is copied, too, and what waits is let in meanwhile.
    const auto first = next();
    const auto second = next();
    const bool snapshot_first = std::holds_alternative<SnapshotOnHost>(first.command.what);
    const auto& third = snapshot_first ? first : second;
    const auto& offering = snapshot_first ? second : first;
    BOOST_TEST(std::get<OfferSnapshotOnHost>(offering.command.what).snapshot == two);
    answer(third, made(third));
    BOOST_TEST(asked.get().has_value());
    auto gone = forget(id, "one"); // And one of them goes.
    const auto deleting = expect_on<DeleteSnapshotOnHost>("h1");
    answer(deleting, std::monostate{});
    BOOST_TEST(gone.get().has_value());
    answer(offering, offer());
    const auto fetching = expect_on<FetchSnapshotOnHost>("h2");
    answer(fetching, copy(fetching));
    const auto dropped = expect_on<DeleteSnapshotOnHost>("h2"); // There, too.
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(dropped.command.what).snapshot == one);
    BOOST_TEST(copied() == snapshot_in(third));
    arrived(arriving(id), id);
    cleaned_up();
    await_left(id);
    BOOST_TEST(core->snapshots(me, id, {})->total == 2U);
    BOOST_TEST(stored(two).host.str() == "h2");
    BOOST_TEST(stored(snapshot_in(third)).host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_is_deleted_while_it_is_copied_is_passed_over)
{
    run_two();
    const auto id = runs();
    taken(id, "one");
    const auto two = taken(id, "two").id;
    const auto deleted = [&](const std::string& name) {
        auto gone = forget(id, name);
        answer(expect_on<DeleteSnapshotOnHost>("h1"), std::monostate{});
        BOOST_TEST(gone.get().has_value());
    };
    const auto refused = [&](const Sent& sent) {
        const common::Error error{ErrorCode::not_found, "no", "unknown_snapshot"};
        link.say(coordinator::HostAnswer{sent.host, sent.command.operation, error, {}});
    };
    drain();
    const auto offering = expect_on<OfferSnapshotOnHost>("h1");
    deleted("one");
    refused(offering);
    const auto fetch = offered();
    BOOST_TEST(std::get<FetchSnapshotOnHost>(fetch.command.what).snapshot == two);
    deleted("two");
    refused(fetch);
    arrived(arriving(id), id); // That host is asked for it all the same.
    cleaned_up();
    await_left(id);
}

BOOST_AUTO_TEST_CASE(what_is_paused_or_suspended_is_so_again_when_it_is_there)
{
    run_two();
    const auto still = paused();
    drain();
    answer(captured(), offer()); // It is paused already.
    auto fetch = expect_on<FetchSnapshotOnHost>("h2");
    answer(fetch, copy(fetch));
    arrived(expect_on<CreateOnHost>("h2"), still);
    done(expect_on<PauseOnHost>("h2"), still, Phase::paused);
    cleaned_up();
    await_left(still);
    await_stored(still, Phase::paused);
    uncordon();

    const auto asleep = suspended(on_h1());
    BOOST_TEST(used("h1") == 0U);
    drain();
    done(expect_on<StartOnHost>("h1"), asleep, Phase::running);
    const auto create = arriving(asleep);
    BOOST_TEST(used("h1") == 250U); // Awake, it is there until it is gone.
    BOOST_TEST(used("h2") == 500U);
    arrived(create, asleep);
    done(expect_on<SuspendOnHost>("h2"), asleep, Phase::suspended);
    cleaned_up();
    await_left(asleep);
    BOOST_TEST(used("h1") == 0U);
    await_stored(asleep, Phase::suspended);
    BOOST_TEST(used("h2") == 250U);
}

BOOST_AUTO_TEST_CASE(what_does_not_run_goes_with_its_disk)
{
    run_two();
    auto what = on_h1();
    what.auto_start = false;
    for (const bool never_ran : {false, true}) {
        const auto id = never_ran ? running(what).id : off();
        const auto kept = taken(id, "kept", false).id;
        drain();
        BOOST_TEST(copied() == kept);
        const auto capture = expect_on<SnapshotOnHost>("h1");
        state = snapshot_in(capture);
        BOOST_TEST(!std::get<SnapshotOnHost>(capture.command.what).memory);
        answer(capture, made(id, state, "", false));
        answer(expect_on<OfferSnapshotOnHost>("h1"), offer());
        const auto fetch = expect_on<FetchSnapshotOnHost>("h2");
        answer(fetch, copy(fetch));
        const auto create = expect_on<CreateOnHost>("h2");
        BOOST_TEST(!std::get<CreateOnHost>(create.command.what).start);
        BOOST_CHECK(store.sandbox(id)->desired == Desired::stopped);
        arrived(create, id, Phase::stopped);
        cleaned_up();
        await_left(id);
        BOOST_CHECK(now(id).phase == Phase::stopped);
        BOOST_TEST(stored(kept).host.str() == "h2");
        uncordon();
    }
}

BOOST_AUTO_TEST_CASE(what_a_fork_has_left_over_does_not_keep_it_and_does_not_come_with_it)
{
    run_two();
    const auto id = runs();
    ForkRequest what;
    what.count = 1;
    auto forked = fork(id, what);
    const auto taking = expect_on<SnapshotOnHost>("h1");
    const auto left_over = snapshot_in(taking);
    answer(taking, held_still(taking));
    refuse(expect_on<CreateOnHost>("h1"), ErrorCode::unavailable, "host_failed");
    refuse(expect_on<DeleteSnapshotOnHost>("h1"), ErrorCode::unavailable, "host_failed");
    BOOST_TEST(forked.get().has_value());
    eventually([&] { return stored(left_over).error == "no"; }, "the refusal");
    drain();
    const auto create = arriving(id);
    BOOST_CHECK(stored(left_over).status == Status::deleted);
    BOOST_TEST(stored(left_over).host.str() == "h1");
    arrived(create, id);
    cleaned_up();
    await_left(id);
}

BOOST_AUTO_TEST_CASE(nothing_is_made_there_before_it_is_on_record_that_it_is_that_hosts)
{
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    store.hold();
    answer(fetch, copy(fetch));
    eventually([&] { return store.held() > 0; }, "the write");
    nothing_is_asked();
    BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    // Whatever else comes meanwhile.
    clock.stand_still(std::chrono::minutes{6}); // More than resend_after.
    link.say(coordinator::HostBeat{HostName{"h1"}, movable("h1")});
    link.say(coordinator::HostBeat{HostName{"h2"}, movable("h2")});
    inventory("h2", {}, {copy(fetch)});
    inventory("h1", {report(id, Phase::paused, 2)}, {});
    nothing_is_asked();
    BOOST_CHECK(now(id).phase == Phase::restoring);
    store.let_go();
    expect_on<CreateOnHost>("h2");
    BOOST_TEST(store.sandbox(id)->host.str() == "h2");
}

BOOST_AUTO_TEST_CASE(only_what_was_offered_is_fetched_and_only_by_whom_it_was_offered_to)
{
    run_two();
    join("h3");
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    link.say(wish(fetch, "another"));
    auto stranger = wish(fetch);
    stranger.host = HostName{"h3"};
    link.say(stranger);
    stranger.host = HostName{"h1"};
    link.say(stranger);
    auto unknown = wish(fetch);
    unknown.operation = common::OperationId{"op-none"};
    link.say(unknown);
    for (const auto* host : {"h2", "h3", "h1", "h2"}) {
        const auto none = expect_on<PieceOnHost>(host);
        BOOST_TEST(!std::get<PieceOnHost>(none.command.what).data.has_value());
    }
    give(fetch, "h1", "digest-ram"); // That nobody asked for.
    nothing_is_asked();

    link.say(wish(fetch));
    const auto asked = expect_on<GivePieceOnHost>("h1");
    const auto& piece = std::get<GivePieceOnHost>(asked.command.what);
    BOOST_TEST(piece.operation == fetch.command.operation);
    BOOST_TEST(piece.snapshot == state);
    BOOST_TEST(piece.digest == "digest-ram");
    BOOST_TEST(piece.offset == 4096U);
    BOOST_TEST(piece.size == 1024U);
    give(fetch, "h3", "digest-ram");
    give(fetch, "h2", "digest-ram");
    give(fetch, "h1", "digest-dev");
    nothing_is_asked();
    give(fetch, "h1", "digest-ram");
    const auto passed = expect_on<PieceOnHost>("h2");
    BOOST_TEST(*std::get<PieceOnHost>(passed.command.what).data == "bytes");
    BOOST_TEST(std::get<PieceOnHost>(passed.command.what).operation == fetch.command.operation);
    give(fetch, "h1", "digest-ram"); // Once is enough.
    nothing_is_asked();
    answer(fetch, copy(fetch));
    expect_on<CreateOnHost>("h2");
    link.say(wish(fetch)); // It has said that it has all.
    const auto none = expect_on<PieceOnHost>("h2");
    BOOST_TEST(!std::get<PieceOnHost>(none.command.what).data.has_value());
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(no_more_than_so_many_pieces_are_under_way)
{
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    constexpr unsigned most = 32;
    for (unsigned i = 0; i < 2 * most; ++i) {
        auto one = wish(fetch);
        one.offset = i * std::uint64_t{1024};
        link.say(one);
    }
    for (unsigned i = 0; i < most; ++i) {
        expect_on<GivePieceOnHost>("h1");
    }
    nothing_is_asked();
    clock.stand_still(seconds{11}); // Those are lost; it asks again.
    link.say(wish(fetch));
    expect_on<GivePieceOnHost>("h1");
    nothing_is_asked();
}

BOOST_AUTO_TEST_SUITE_END()
