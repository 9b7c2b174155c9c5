#include "tests/unit/coordinator_core/replica_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_replicas_tests, ReplicaFixture)

BOOST_AUTO_TEST_CASE(a_copy_is_made_and_a_newer_one_takes_its_place)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto first = copied_once();
    await_copies(id, 1);
    const auto one = copies(id).copies.front();
    BOOST_TEST(one.host.str() == "h2");
    BOOST_TEST(one.has_memory);
    BOOST_TEST(one.size.mib() == 4U);
    BOOST_TEST(recorded_copies() == std::vector{first}, boost::test_tools::per_element());
    BOOST_TEST(store.replicas().front().copy.path == "/there/" + first.str());
    BOOST_CHECK(now(id).phase == Phase::running);
    BOOST_TEST(now(id).host.str() == "h1");
    nothing_is_asked(); // Not before its time.

    later();
    const auto second = captured_copy();
    BOOST_TEST(recorded_copies() == std::vector{first}, boost::test_tools::per_element());
    const auto fetch = fetch_of_copy();
    answer(fetch, copy(fetch));
    // The old one goes there, the new one's original goes here; in whichever order.
    for (int i = 0; i < 2; ++i) {
        const auto sent = comes();
        const auto& deleted = std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot;
        BOOST_TEST(deleted == (sent.host.str() == "h2" ? first : second));
        answer(sent, std::monostate{});
    }
    eventually([&] { return recorded_copies() == std::vector{second}; }, "the newer one alone");
    BOOST_TEST(copies(id).copies.size() == 1U);
    nothing_is_asked();
    BOOST_TEST(audited(id, "sandbox.replicate", true).starts_with(R"({"to":"h2","snapshot_id":")"));
}

BOOST_AUTO_TEST_CASE(one_without_replicas_is_never_copied)
{
    run_two();
    const auto id = runs();
    later();
    nothing_is_asked();
    BOOST_TEST(copies(id).policy.count == 0U);
    BOOST_TEST(copies(id).copies.empty());
}

BOOST_AUTO_TEST_CASE(its_snapshots_come_with_it_once_and_go_when_they_are_deleted)
{
    run_two();
    const auto id = running(copied_request()).id;
    copied_once();
    await_copies(id, 1);
    const auto kept = taken(id, "kept").id;
    later();
    auto fetch = fetch_of_copy();
    BOOST_TEST(fetched_in(fetch) == kept);
    answer(fetch, copy(fetch));
    const auto second = captured_copy();
    fetch = fetch_of_copy();
    BOOST_TEST(fetched_in(fetch) == second);
    answer(fetch, copy(fetch));
    for (int i = 0; i < 2; ++i) {
        answer(comes(), std::monostate{});
    }
    eventually([&] { return copies(id).copies.front().snapshots == 1; }, "the snapshot there");
    BOOST_TEST(now(id).host.str() == "h1");
    BOOST_TEST(stored(kept).host.str() == "h1"); // It is still its own host's.

    later();
    const auto third = captured_copy(); // What is there is not copied again.
    fetch = fetch_of_copy();
    BOOST_TEST(fetched_in(fetch) == third);
    answer(fetch, copy(fetch));
    for (int i = 0; i < 2; ++i) {
        answer(comes(), std::monostate{});
    }
    auto forgotten = forget(id, "kept");
    deletes("h1", kept);
    BOOST_TEST(forgotten.get().has_value());
    deletes("h2", kept);
    eventually([&] { return recorded_copies() == std::vector{third}; }, "the moment alone");
}

BOOST_AUTO_TEST_CASE(what_has_not_run_since_is_not_copied_again)
{
    run_two();
    const auto id = running(copied_request()).id;
    auto asked = pause(id);
    const auto pausing = comes();
    if (std::holds_alternative<SnapshotOnHost>(pausing.command.what)) {
        answer(pausing, held_still(pausing)); // The first round came first.
        done(comes_on<PauseOnHost>("h1"), id, Phase::paused);
        const auto fetch = fetch_of_copy();
        answer(fetch, copy(fetch));
        deletes("h1", snapshot_in(pausing));
        BOOST_REQUIRE(asked.get().has_value());
        later();
    } else {
        done(pausing, id, Phase::paused);
        BOOST_REQUIRE(asked.get().has_value());
    }
    // Once as it is by now, and then no more.
    const auto last = captured_copy();
    const auto fetch = fetch_of_copy();
    answer(fetch, copy(fetch));
    eventually(
        [&] {
            while (!link.commands.empty()) {
                answer(link.commands.take(), std::monostate{});
            }
            return recorded_copies() == std::vector{last} &&
                   stored(last).status == Status::deleted && !copies(id).under_way;
        },
        "the last one alone, and nothing left to be deleted");
    later();
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(of_its_disk_alone_if_that_is_wanted)
{
    run_two();
    const auto id = running(copied_request(false)).id;
    const auto sent = comes_on<SnapshotOnHost>("h1");
    BOOST_TEST(!std::get<SnapshotOnHost>(sent.command.what).memory);
    auto report = held_still(sent);
    report.has_memory = false;
    report.frozen = false; // Which nobody needs of a disk.
    answer(sent, report);
    const auto fetch = fetch_of_copy();
    auto there = copy(fetch);
    there.has_memory = false;
    answer(fetch, there);
    deletes("h1", snapshot_in(sent));
    await_copies(id, 1);
    BOOST_TEST(!copies(id).copies.front().has_memory);
}

BOOST_AUTO_TEST_CASE(a_round_that_fails_leaves_nothing_and_the_copy_before_it)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto first = copied_once();
    await_copies(id, 1);
    later();
    const auto second = captured_copy();
    const auto fetch = fetch_of_copy();
    refuse(fetch, ErrorCode::resource_exhausted, "disk_full");
    deletes("h1", second);
    eventually([&] { return copies(id).reason == "disk_full"; }, "the cause");
    BOOST_TEST(recorded_copies() == std::vector{first}, boost::test_tools::per_element());
    BOOST_TEST(copies(id).copies.size() == 1U);
    BOOST_CHECK(now(id).phase == Phase::running);
    nothing_is_asked();
    clock.stand_still(seconds{31});
    copied_once();
    eventually([&] { return copies(id).error.empty(); }, "a copy at last");
}

BOOST_AUTO_TEST_CASE(an_agent_that_did_not_hold_still_is_a_cause)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto sent = comes_on<SnapshotOnHost>("h1");
    answer(sent, made(sent));
    deletes("h1", snapshot_in(sent));
    eventually([&] { return copies(id).reason == "guest_not_frozen"; }, "the cause");
    BOOST_TEST(recorded_copies().empty());
}

BOOST_AUTO_TEST_CASE(when_it_is_destroyed_its_copies_go)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto first = copied_once();
    await_copies(id, 1);
    auto destroyed = destroy(id);
    done(comes_on<DestroyOnHost>("h1"), id, Phase::destroyed);
    BOOST_TEST(destroyed.get().has_value());
    const auto sent = comes_on<DeleteSnapshotOnHost>("h2");
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot == first);
    eventually(
        [&] {
            const auto rows = store.replicas();
            return !rows.empty() && rows.front().dropping;
        },
        "that it is on record");
    // A coordinator that takes over asks again.
    crash_and_restart();
    join("h2", {}, {made(id, first)});
    eventually(
        [&] {
            beat();
            if (link.commands.empty()) {
                return recorded_copies().empty();
            }
            const auto again = link.commands.take();
            answer(again, std::monostate{});
            return false;
        },
        "the end of the copy");
}

BOOST_AUTO_TEST_CASE(a_destroy_ends_a_round)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto captured_now = captured_copy();
    const auto fetch = fetch_of_copy();
    auto destroyed = destroy(id);
    done(comes_on<DestroyOnHost>("h1"), id, Phase::destroyed);
    BOOST_TEST(destroyed.get().has_value());
    const auto dropped = comes_on<DeleteSnapshotOnHost>("h2");
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(dropped.command.what).snapshot == captured_now);
    BOOST_TEST(recorded_copies().empty());
}

BOOST_AUTO_TEST_CASE(a_host_keeps_what_is_a_copy_and_nothing_else)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto first = copied_once();
    await_copies(id, 1);
    const auto stray = common::mint<SnapshotId>();
    join("h2", {}, {made(id, first), made(id, stray)});
    nothing_is_asked(); // The stray has no record: a wrong database must do no harm.
    BOOST_TEST(recorded_copies() == std::vector{first}, boost::test_tools::per_element());
    // After a restart likewise.
    crash_and_restart();
    join("h1", {report(id, Phase::running)});
    join("h2", {}, {made(id, first)});
    nothing_is_asked();
    BOOST_TEST(copies(id).copies.size() == 1U);
    BOOST_TEST(recorded_copies() == std::vector{first}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_copy_that_its_host_has_lost_is_made_again)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto first = copied_once();
    await_copies(id, 1);
    join("h2");
    const auto second = copied_once();
    eventually([&] { return recorded_copies() == std::vector{second}; }, "the new one");
    BOOST_TEST(first != second);
}

BOOST_AUTO_TEST_CASE(a_round_that_a_restart_broke_off_leaves_nothing)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto captured_now = captured_copy();
    const auto fetch = fetch_of_copy();
    const auto there = copy(fetch);
    crash_and_restart();
    join("h1", {report(id, Phase::running)}, {made(id, captured_now)});
    join("h2", {}, {there});
    // What was captured is deleted here, and what was fetched there; and another round begins.
    std::set<std::string> deleted;
    bool begun = false;
    while (deleted.size() < 2 || !begun) {
        const auto sent = comes();
        if (const auto* what = std::get_if<DeleteSnapshotOnHost>(&sent.command.what)) {
            BOOST_TEST(what->snapshot == captured_now);
            deleted.insert(sent.host.str());
            answer(sent, std::monostate{});
        } else {
            BOOST_TEST(std::holds_alternative<SnapshotOnHost>(sent.command.what));
            begun = true;
        }
    }
    BOOST_TEST(recorded_copies().empty());
}

BOOST_AUTO_TEST_CASE(another_host_takes_over_from_one_that_takes_no_more)
{
    run_two();
    const auto id = running(copied_request()).id;
    const auto first = copied_once();
    await_copies(id, 1);
    join("h3");
    BOOST_REQUIRE(
        core->change_host(me, HostName{"h2"}, {.cordoned = true, .labels = {}}).has_value());
    const auto second = captured_copy();
    answer(comes_on<OfferSnapshotOnHost>("h1"), offer());
    const auto fetch = comes_on<FetchSnapshotOnHost>("h3");
    answer(fetch, copy(fetch));
    for (int i = 0; i < 2; ++i) {
        const auto sent = comes();
        const auto& deleted = std::get<DeleteSnapshotOnHost>(sent.command.what).snapshot;
        BOOST_TEST(deleted == (sent.host.str() == "h2" ? first : second));
        answer(sent, std::monostate{});
    }
    eventually([&] { return recorded_copies() == std::vector{second}; }, "the one of h3");
    BOOST_TEST(copies(id).copies.front().host.str() == "h3");
}

BOOST_AUTO_TEST_CASE(nobody_who_can_take_it_is_a_cause)
{
    run();
    join("h1");
    const auto id = running(copied_request()).id;
    eventually([&] { return copies(id).reason == "image_elsewhere"; }, "the cause");
    BOOST_CHECK(now(id).phase == Phase::running);
    nothing_is_asked();
}

BOOST_AUTO_TEST_SUITE_END()
