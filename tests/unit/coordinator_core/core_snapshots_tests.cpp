#include "tests/unit/coordinator_core/checkpoint_fixture.hpp"

using namespace tests;

BOOST_FIXTURE_TEST_SUITE(core_snapshots_tests, CheckpointFixture)

BOOST_AUTO_TEST_CASE(a_snapshot_is_written_before_it_is_taken_and_holds_what_its_host_says)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = snapshot(id, "one");
    const auto sent = expect<SnapshotOnHost>();
    BOOST_TEST(sent.command.generation == 1U);
    BOOST_TEST(std::get<SnapshotOnHost>(sent.command.what).memory);
    BOOST_CHECK(store.checkpoint(snapshot_in(sent))->status == Status::taking);
    answer(sent, made(sent));
    const auto one = asked.get();
    BOOST_REQUIRE(one.has_value());
    BOOST_CHECK(one->status == Status::ready);
    BOOST_TEST(one->size.mib() == 4U);
    BOOST_TEST(one->paused.count() == 1500);
    BOOST_TEST(one->engine == "fast");
    BOOST_TEST(one->digests.at("ram") == "ab");
    BOOST_TEST(one->path == "/cp/" + one->id.str());
    BOOST_CHECK(store.checkpoint(one->id)->status == Status::ready);
    BOOST_CHECK(now(id).phase == Phase::running);
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(rows.at(rows.size() - 2) == "snapshot.create intent");
    BOOST_TEST(rows.back() == "snapshot.create ok");
}

BOOST_AUTO_TEST_CASE(each_knows_the_one_before_it_and_after_a_restart_too)
{
    run_with({"h1"});
    const auto id = running().id;
    const auto first = taken(id, "one");
    const auto second = taken(id, "two");
    BOOST_TEST(first.parent.empty());
    BOOST_TEST(second.parent.str() == first.id.str());
    auto back = restore(id, "one");
    done(expect<RestoreOnHost>(), id, Phase::running);
    BOOST_TEST(back.get().has_value());
    const auto third = taken(id, "three");
    BOOST_TEST(third.parent.str() == first.id.str());
    crash_and_restart();
    connect("h1",
            {report(id, Phase::running, 2)},
            {made(id, first.id), made(id, second.id), made(id, third.id)});
    settle();
    BOOST_TEST(taken(id, "four").parent.str() == third.id.str());
    const auto page = core->snapshots(me, id, {2, 1});
    BOOST_TEST(page->total == 4U);
    BOOST_REQUIRE(page->checkpoints.size() == 2U);
    BOOST_TEST(page->checkpoints[0].name == "two");
    BOOST_TEST(core->snapshot(me, id, "four")->name == "four");
    BOOST_CHECK(core->snapshot(other, id, "four").error().code == ErrorCode::not_found);
    BOOST_CHECK(core->snapshots(other, id, {}).error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(it_is_taken_of_what_has_a_disk_at_rest_or_a_memory_to_keep)
{
    run_with({"h1"});
    const auto off = stopped();
    BOOST_TEST(reason_of(snapshot(off, "a", true).get()) == "no_memory");
    auto disk = snapshot(off, "a");
    const auto sent = expect<SnapshotOnHost>();
    BOOST_TEST(!std::get<SnapshotOnHost>(sent.command.what).memory);
    answer(sent, made(sent));
    BOOST_TEST(!disk.get()->has_memory);
    const auto asleep = suspended();
    const auto refused = snapshot(asleep, "a").get();
    BOOST_TEST(reason_of(refused) == "wrong_state");
    BOOST_TEST(refused.error().message.find("resume it first") != std::string::npos);
    auto what = request();
    what.auto_start = false;
    const auto never_run = running(what).id;
    BOOST_TEST(reason_of(snapshot(never_run, "a", true).get()) == "no_memory");
    BOOST_TEST(!taken(never_run, "a", false).has_memory);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_name_is_taken_once_and_there_are_bounds)
{
    settings.max_snapshots_per_sandbox = 2;
    settings.max_snapshots_per_host = 3;
    run_with({"h1"});
    const auto id = running().id;
    taken(id, "one");
    const auto same = snapshot(id, "one").get();
    BOOST_TEST(reason_of(same) == "snapshot_exists");
    BOOST_CHECK(same.error().code == ErrorCode::already_exists);
    taken(id, "two");
    BOOST_TEST(reason_of(snapshot(id, "three").get()) == "too_many_snapshots");
    const auto second = running().id;
    taken(second, "one");
    BOOST_TEST(reason_of(snapshot(second, "two").get()) == "too_many_snapshots");
    auto gone = forget(id, "one");
    answer(expect<DeleteSnapshotOnHost>(), std::monostate{});
    BOOST_TEST(gone.get().has_value());
    taken(second, "two");
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_was_not_written_was_not_asked_for)
{
    run_with({"h1"});
    const auto id = running().id;
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(snapshot(id, "one").get()) == "database_unavailable");
    BOOST_TEST(link.commands.empty());
    store.recover();
    BOOST_TEST(core->snapshots(me, id, {})->total == 0U);
    taken(id, "one");
}

BOOST_AUTO_TEST_CASE(an_outcome_that_was_not_written_is_unknown_and_written_later)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = snapshot(id, "one");
    const auto sent = expect<SnapshotOnHost>();
    store.fail(ErrorCode::unavailable);
    answer(sent, made(sent));
    BOOST_TEST(reason_of(asked.get()) == "outcome_unknown");
    store.recover();
    await_status(snapshot_in(sent), Status::ready);
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_its_host_could_not_take_is_no_more)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = snapshot(id, "one");
    const auto sent = expect<SnapshotOnHost>();
    refuse(sent, ErrorCode::resource_exhausted, "disk_full");
    BOOST_TEST(reason_of(asked.get()) == "disk_full");
    const auto row = store.checkpoint(snapshot_in(sent));
    BOOST_CHECK(row->status == Status::deleted);
    BOOST_TEST(row->error == "no");
    BOOST_TEST(core->snapshots(me, id, {})->total == 0U);
    BOOST_TEST(store.audit_of(id.str()).back() == "snapshot.create disk_full");
    taken(id, "one");
}

BOOST_AUTO_TEST_CASE(what_nobody_knows_is_settled_by_the_next_inventory)
{
    run_with({"h1"});
    const auto id = running().id;
    std::vector<SnapshotId> ids;
    for (const auto* name : {"there", "not"}) {
        auto asked = snapshot(id, name);
        const auto sent = expect<SnapshotOnHost>();
        refuse(sent, ErrorCode::timeout);
        BOOST_TEST(reason_of(asked.get()) == "outcome_unknown");
        BOOST_TEST(link.syncs.take().str() == "h1");
        ids.push_back(snapshot_in(sent));
        BOOST_CHECK(store.checkpoint(ids.back())->status == Status::taking);
    }
    inventory("h1", {report(id, Phase::running)}, {made(id, ids[0], "there")});
    await_status(ids[0], Status::ready);
    await_status(ids[1], Status::deleted);
    BOOST_TEST(store.checkpoint(ids[0])->size.mib() == 4U);
    BOOST_TEST(store.checkpoint(ids[1])->error != "");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(one_under_way_is_asked_for_again_when_its_host_is_back)
{
    run_with({"h1"});
    const auto id = running().id;
    auto asked = snapshot(id, "one");
    const auto first = expect<SnapshotOnHost>();
    connect("h1", {report(id, Phase::running)});
    const auto again = expect<SnapshotOnHost>();
    BOOST_TEST(again.command.operation.str() == first.command.operation.str());
    answer(again, made(again));
    BOOST_CHECK(asked.get()->status == Status::ready);
    answer(first, made(first)); // Twice is no harm.
    settle();
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(after_a_restart_the_hosts_word_settles_what_was_under_way)
{
    run_with({"h1"});
    const auto id = running().id;
    taken(id, "old");
    const auto old = core->snapshot(me, id, "old")->id;
    auto one = snapshot(id, "one");
    const auto there = snapshot_in(expect<SnapshotOnHost>());
    auto two = snapshot(id, "two");
    const auto late = expect<SnapshotOnHost>();
    auto gone = forget(id, "old");
    static_cast<void>(expect<DeleteSnapshotOnHost>());
    crash_and_restart();
    BOOST_TEST(!one.get().has_value());
    BOOST_TEST(!two.get().has_value());
    BOOST_TEST(!gone.get().has_value());
    connect("h1", {report(id, Phase::running)}, {made(id, there), made(id, old)});
    await_status(there, Status::ready);
    await_status(snapshot_in(late), Status::deleted);
    const auto again = expect<DeleteSnapshotOnHost>();
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(again.command.what).snapshot.str() == old.str());
    answer(again, std::monostate{});
    await_status(old, Status::deleted);
    // Given up, and made after all: nobody would ever ask for its files.
    answer(late, made(late));
    const auto remains = expect<DeleteSnapshotOnHost>();
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(remains.command.what).snapshot.str() ==
               snapshot_in(late).str());
    answer(late, made(late));
    settle();
    BOOST_TEST(link.commands.empty());
}

/// A disk that is not mounted is no deletion.
BOOST_AUTO_TEST_CASE(a_checkpoint_that_its_host_has_lost_stays_on_record_and_may_come_back)
{
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    const auto two = taken(id, "two");
    const auto await_last = [&](const std::string& row) {
        eventually([&] { return store.audit_of(id.str()).back() == row; }, "the row of it");
    };
    inventory("h1", {report(id, Phase::running)}, {made(id, two.id, "two")});
    await_last("snapshot.lost lost");
    BOOST_CHECK(store.checkpoint(one.id)->status == Status::ready);
    BOOST_TEST(store.checkpoint(one.id)->error == "its host does not have it any more");
    BOOST_CHECK(core->snapshot(me, id, "two")->status == Status::ready);
    inventory(
        "h1", {report(id, Phase::running)}, {made(id, one.id, "one"), made(id, two.id, "two")});
    await_last("snapshot.found ok");
    BOOST_TEST(store.checkpoint(one.id)->error.empty());
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(an_inventory_from_just_before_it_was_made_proves_nothing)
{
    settings.checkpoint_grace = std::chrono::minutes{5};
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    inventory("h1", {report(id, Phase::running)}, {});
    settle();
    BOOST_CHECK(core->snapshot(me, id, "one")->status == Status::ready);
}

/// It would have been on record before any host was asked for it: this may be an old database.
BOOST_AUTO_TEST_CASE(what_has_no_record_is_left_alone)
{
    run_with({"h1", "h2"});
    const auto id = running().id;
    const auto mine = now(id).host.str();
    const std::string theirs = mine == "h1" ? "h2" : "h1";
    const SnapshotId stray{"snp-aaaaaaaaaaaaaaaa"};
    inventory(theirs, {}, {made(id, stray), made(SandboxId{"sbx-unknown"}, stray)});
    settle();
    BOOST_TEST(link.commands.empty());
    inventory(mine, {report(id, Phase::running)}, {made(id, stray)});
    settle();
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_deleted_one_is_gone_and_a_second_delete_finds_none)
{
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    auto first = forget(id, "one");
    const auto sent = expect<DeleteSnapshotOnHost>();
    auto second = forget(id, "one"); // The same, under way.
    settle();
    BOOST_CHECK(store.checkpoint(one.id)->status == Status::deleting);
    answer(sent, std::monostate{});
    BOOST_CHECK(first.get()->status == Status::deleted);
    static_cast<void>(second.get());
    BOOST_CHECK(core->delete_snapshot(me, id, "one").error().code == ErrorCode::not_found);
    BOOST_CHECK(store.checkpoint(one.id)->status == Status::deleted);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_delete_with_its_host_away_is_finished_when_that_is_back)
{
    settings.lost_after = std::chrono::seconds{3};
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    await_health("h1", HostHealth::lost);
    link.away(true);
    BOOST_TEST(reason_of(forget(id, "one").get()) == "outcome_unknown");
    BOOST_TEST(reason_of(snapshot(id, "two").get()) == "host_unreachable");
    link.away(false);
    connect("h1", {report(id, Phase::running)}, {made(id, one.id)});
    refuse(expect<DeleteSnapshotOnHost>(), ErrorCode::not_found); // As good as done.
    await_status(one.id, Status::deleted);
}

BOOST_AUTO_TEST_CASE(a_delete_that_fails_leaves_it_there)
{
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(forget(id, "one").get()) == "database_unavailable");
    store.recover();
    BOOST_CHECK(core->snapshot(me, id, "one")->status == Status::ready);
    auto asked = forget(id, "one");
    refuse(expect<DeleteSnapshotOnHost>(), ErrorCode::failed_precondition, "in_use");
    BOOST_TEST(reason_of(asked.get()) == "in_use");
    BOOST_CHECK(core->snapshot(me, id, "one")->status == Status::ready);
    auto unknown = forget(id, "one");
    refuse(expect<DeleteSnapshotOnHost>(), ErrorCode::timeout);
    BOOST_TEST(reason_of(unknown.get()) == "outcome_unknown");
    inventory("h1", {report(id, Phase::running)}, {});
    await_status(one.id, Status::deleted);
}

BOOST_AUTO_TEST_CASE(a_verify_says_whether_it_is_sound)
{
    run_with({"h1"});
    const auto id = running().id;
    taken(id, "one");
    auto damaged = verify(id, "one");
    refuse(expect<VerifySnapshotOnHost>(), ErrorCode::failed_precondition, "checkpoint_damaged");
    BOOST_TEST(reason_of(damaged.get()) == "checkpoint_damaged");
    BOOST_TEST(core->snapshot(me, id, "one")->error == "no");
    auto sound = verify(id, "one");
    const auto sent = expect<VerifySnapshotOnHost>();
    answer(sent, std::monostate{});
    BOOST_TEST(sound.get()->error == "");
    BOOST_TEST(store.audit_of(id.str()).back() == "snapshot.verify ok");
    BOOST_CHECK(verify(id, "none").get().error().code == ErrorCode::not_found);
    store.fail(ErrorCode::unavailable);
    BOOST_TEST(reason_of(verify(id, "one").get()) == "database_unavailable");
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(what_a_destroyed_sandbox_had_is_deleted_with_it)
{
    run_with({"h1"});
    const auto id = running().id;
    const auto one = taken(id, "one");
    auto asked = snapshot(id, "two");
    const auto two = snapshot_in(expect<SnapshotOnHost>());
    auto gone = destroy(id);
    done(expect<DestroyOnHost>(), id, Phase::destroyed);
    BOOST_TEST(gone.get().has_value());
    BOOST_TEST(reason_of(asked.get()) == "wrong_state");
    await_status(one.id, Status::deleted);
    await_status(two, Status::deleted);
    BOOST_CHECK(core->snapshots(me, id, {}).error().code == ErrorCode::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
