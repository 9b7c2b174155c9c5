#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct RestartedMoveFixture : MovingFixture {
    /// As an earlier coordinator has left it.
    Sandbox left(Phase phase,
                 const std::string& host,
                 const std::string& moving_to,
                 const std::string& left_host = {})
    {
        auto one = recorded("sbx-1", phase, host);
        one.moving_to = HostName{moving_to};
        one.left_host = HostName{left_host};
        one.desired = Desired::running;
        one.generation = 3;
        return one;
    }
    static Checkpoint kept_on(const std::string& host, const std::string& name, bool hidden)
    {
        Checkpoint one;
        one.id = SnapshotId{"snp-" + name};
        one.sandbox = SandboxId{"sbx-1"};
        one.tenant = "t";
        one.host = HostName{host};
        one.name = name;
        one.status = Status::ready;
        one.hidden = hidden;
        one.has_memory = true;
        one.frozen = true;
        one.path = "/cp/" + name;
        return one;
    }
    void run_after(const Sandbox& one, std::vector<Checkpoint> checkpoints = {})
    {
        store.snapshot.hosts = {recorded_host("h1"), recorded_host("h2")};
        store.snapshot.sandboxes = {one};
        store.snapshot.checkpoints = std::move(checkpoints);
        run();
        settle();
    }
    void refuse_late(const Sent& sent, const std::string& reason)
    {
        link.say(coordinator::HostAnswer{sent.host,
                                         sent.command.operation,
                                         common::Error{ErrorCode::unavailable, "no", reason},
                                         {}});
    }
    void await_unmarked()
    {
        eventually([&] { return store.sandbox(id)->moving_to.empty(); }, "its mark goes");
    }
    void await_left_behind()
    {
        eventually([&] { return is_nowhere_else(id); }, "it has left");
    }

    const SandboxId id{"sbx-1"};
    const SnapshotId last{"snp-last"};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_moving_restart_tests, RestartedMoveFixture)

BOOST_AUTO_TEST_CASE(what_was_being_copied_begins_anew_and_copies_are_removed)
{
    run_two();
    const auto box = runs();
    const auto one = taken(box, "one").id;
    drain();
    BOOST_TEST(copied() == one);
    expect_on<PauseOnHost>("h1");
    const auto before = store.sandbox(box)->generation;
    crash_and_restart();
    await_audited(box, "sandbox.move outcome_unknown");
    join("h2", {}, {made(box, one)});
    const auto dropped = expect_on<DeleteSnapshotOnHost>("h2");
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(dropped.command.what).snapshot == one);
    nothing_is_asked();
    join("h1", {report(box, Phase::paused, before)}, {made(box, one)});
    done(expect_on<StartOnHost>("h1"), box, Phase::running);
    eventually([&] { return store.sandbox(box)->moving_to.empty(); }, "its mark goes");
    clock.stand_still(seconds{16}); // The drain goes on.
    BOOST_TEST(copied() == one);
    arrived(arriving(box), box);
    cleaned_up();
    await_left(box);
    await_drain(DrainProgress::State::drained);
}

BOOST_AUTO_TEST_CASE(what_stands_still_for_a_move_that_is_no_more_goes_on)
{
    run_after(left(Phase::running, "h1", "h2"));
    join("h2");
    nothing_is_asked();
    join("h1", {report(id, Phase::paused, 3)});
    const auto first = expect_on<StartOnHost>("h1");
    refuse_late(first, "host_failed");
    await_audited(id, "sandbox.start host_failed");
    nothing_is_asked();
    BOOST_TEST(store.sandbox(id)->moving_to.str() == "h2"); // Or the next one would not know.
    clock.stand_still(seconds{11});
    const auto again = expect_on<StartOnHost>("h1");
    BOOST_TEST(store.sandbox(id)->moving_to.str() == "h2");
    done(again, id, Phase::running);
    await_unmarked();
    await_stored(id, Phase::running);
    clock.stand_still(seconds{11});
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(whoever_ends_before_it_goes_on_leaves_that_to_the_next)
{
    run_after(left(Phase::running, "h1", "h2"));
    join("h1", {report(id, Phase::paused, 3)});
    expect_on<StartOnHost>("h1");
    crash_and_restart();
    join("h1", {report(id, Phase::paused, 3)});
    done(expect_on<StartOnHost>("h1"), id, Phase::running);
    await_unmarked();
}

BOOST_AUTO_TEST_CASE(what_runs_or_is_off_is_only_marked_no_more)
{
    for (const auto phase : {Phase::running, Phase::stopped}) {
        run_after(left(Phase::running, "h1", "h2"));
        join("h1", {report(id, phase, 3)});
        await_unmarked();
        await_stored(id, phase);
        nothing_is_asked();
        core.reset();
    }
}

BOOST_AUTO_TEST_CASE(what_was_to_be_made_elsewhere_is_asked_for_again)
{
    run_after(left(Phase::restoring, "h2", "h2", "h1"),
              {kept_on("h2", "kept", false), kept_on("h2", "last", true)});
    const auto create = expect_on<CreateOnHost>("h2");
    const auto& what = std::get<CreateOnHost>(create.command.what);
    BOOST_CHECK(what.from_snapshot == last);
    BOOST_TEST(what.start);
    BOOST_TEST(create.command.generation == 3U);
    state = last;
    // Its old host comes first, with all that it has. It may be needed yet.
    join("h1", {report(id, Phase::paused, 2)}, {made(id, SnapshotId{"snp-kept"}), made(id, last)});
    nothing_is_asked();
    BOOST_CHECK(now(id).phase == Phase::restoring);
    BOOST_TEST(core->host(me, HostName{"h1"})->facts.warnings.empty());
    join("h2", {}, {made(id, SnapshotId{"snp-kept"}), made(id, last)});
    BOOST_TEST(expect_on<CreateOnHost>("h2").command.operation == create.command.operation);
    BOOST_CHECK(now(id).phase == Phase::restoring); // Not lost.
    arrived(create, id);
    cleaned_up();
    await_left(id);
    BOOST_CHECK(stored(SnapshotId{"snp-kept"}).status == Status::ready);
}

BOOST_AUTO_TEST_CASE(what_was_to_be_made_elsewhere_may_still_come_back)
{
    run_after(left(Phase::restoring, "h2", "h2", "h1"), {kept_on("h2", "last", true)});
    const auto create = expect_on<CreateOnHost>("h2");
    join("h1", {report(id, Phase::paused, 2)}, {made(id, last)});
    store.hold();
    undone(create);
    eventually([&] { return store.held() > 0; }, "the write");
    nothing_is_asked();
    store.let_go();
    done(expect_on<StartOnHost>("h1"), id, Phase::running);
    BOOST_TEST(store.sandbox(id)->host.str() == "h1");
    BOOST_TEST(stored(last).host.str() == "h1");
    expect_on<DeleteSnapshotOnHost>("h1");
    await_unmarked();
}

BOOST_AUTO_TEST_CASE(what_has_arrived_already_only_leaves)
{
    run_two();
    const auto box = runs();
    drain();
    const auto create = arriving(box);
    // The last that is written is that its state is no longer needed, and not that it is there.
    store.fail(ErrorCode::unavailable, [](const auto& changes) {
        return std::ranges::any_of(changes, [](const auto& change) {
            const auto* row = std::get_if<Sandbox>(&change);
            return row != nullptr && row->moving_to.empty();
        });
    });
    arrived(create, box);
    cleaned_up();
    await_status(state, Status::deleted);
    BOOST_TEST(store.sandbox(box)->moving_to.str() == "h2");
    BOOST_TEST(store.sandbox(box)->left_host.str() == "h1");
    core.reset();
    store.recover();
    crash_and_restart();
    const auto leaving = expect_on<DestroyOnHost>("h1");
    join("h2", {report(box, Phase::running, create.command.generation)});
    answer(leaving, std::monostate{});
    await_left(box);
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(what_was_never_on_record_as_a_whole_has_not_left)
{
    run_two();
    const auto box = runs();
    const auto kept = taken(box, "kept").id;
    drain();
    copied();
    const auto fetch = crossing(box);
    const auto generation = store.sandbox(box)->generation;
    store.fail(ErrorCode::unavailable, [](const auto& changes) {
        return std::ranges::any_of(
            changes, [](const auto& it) { return std::holds_alternative<Checkpoint>(it); });
    });
    answer(fetch, copy(fetch));
    await(box, Phase::restoring);
    BOOST_TEST(core->extend(me, box, seconds{600}).has_value()); // This is written.
    BOOST_TEST(store.sandbox(box)->host.str() == "h2");
    BOOST_TEST(stored(kept).host.str() == "h1");
    store.recover();
    crash_and_restart();
    nothing_is_asked();
    join("h1", {report(box, Phase::paused, generation)}, {made(box, kept), made(box, state)});
    const auto a = next();
    const auto b = next();
    const auto& going = std::holds_alternative<StartOnHost>(a.command.what) ? a : b;
    const auto& deleting = &going == &a ? b : a;
    BOOST_TEST(going.host.str() == "h1");
    BOOST_TEST(store.sandbox(box)->host.str() == "h1");
    BOOST_TEST(store.sandbox(box)->left_host.str() == "");
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(deleting.command.what).snapshot == state);
    done(going, box, Phase::running);
    eventually([&] { return store.sandbox(box)->moving_to.empty(); }, "its mark goes");
}

BOOST_AUTO_TEST_CASE(what_is_left_somewhere_is_destroyed_there_until_it_is_gone)
{
    auto gone = left(Phase::destroyed, "h2", "h2", "h1");
    gone.deleted_at = clock.wall();
    for (const auto& one : {left(Phase::running, "h2", "", "h1"), gone}) {
        run_after(one);
        const auto first = expect_on<DestroyOnHost>("h1");
        join("h1", {report(id, Phase::paused, 2)}); // It is asked again, and nothing else.
        const auto same = next_until([&](const auto& sent) {
            BOOST_TEST(std::holds_alternative<DestroyOnHost>(sent.command.what));
            return sent.command.operation == first.command.operation;
        });
        refuse_late(same, "host_failed");
        settle();
        nothing_is_asked();
        clock.stand_still(seconds{11});
        const auto again = expect_on<DestroyOnHost>("h1");
        BOOST_TEST(again.command.operation != first.command.operation);
        link.say(coordinator::HostAnswer{
            again.host, again.command.operation, common::Error{ErrorCode::not_found, "none"}, {}});
        await_left_behind();
        clock.stand_still(seconds{11});
        nothing_is_asked();
        core.reset();
    }
}

BOOST_AUTO_TEST_CASE(what_is_to_be_destroyed_is_not_made_first)
{
    auto one = left(Phase::restoring, "h2", "h2", "h1");
    one.desired = Desired::destroyed;
    run_after(one, {kept_on("h2", "last", true)});
    nothing_is_asked();
    join("h2", {}, {made(id, last)});
    const auto destroying = next_until(
        [](const auto& sent) { return std::holds_alternative<DestroyOnHost>(sent.command.what); });
    BOOST_TEST(destroying.host.str() == "h2");
    answer(destroying, std::monostate{});
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{});
    await_stored(id, Phase::destroyed);
    await_left_behind();
    clock.stand_still(seconds{11});
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(stray_copies_go_but_never_from_a_host_that_has_the_sandbox_too)
{
    run_after(left(Phase::running, "h1", ""), {kept_on("h1", "kept", false)});
    const SnapshotId kept{"snp-kept"};
    join("h1", {report(id, Phase::running, 3)}, {made(id, kept)});
    // This may be an old database: the sandbox is where its checkpoint is.
    join("h2", {report(id, Phase::running, 5)}, {made(id, kept)});
    nothing_is_asked();
    // And so it may if there is more than is remembered.
    std::vector<coordinator::SandboxReport> many;
    for (int i = 0; i < 1001; ++i) {
        many.push_back(report(SandboxId{"sbx-0" + std::to_string(i)}, Phase::running, 5));
    }
    many.push_back(report(id, Phase::running, 5));
    join("h2", many, {made(id, kept)});
    nothing_is_asked();
    // Nor from hosts of which nothing is known.
    join("h2", {}, {made(SandboxId{"sbx-none"}, kept), made(id, SnapshotId{"snp-none"})});
    nothing_is_asked();
    join("h2", {}, {made(id, kept)});
    const auto dropped = expect_on<DeleteSnapshotOnHost>("h2");
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(dropped.command.what).snapshot == kept);
    BOOST_CHECK(stored(kept).status == Status::ready);
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(the_audit_tells_once_how_a_drain_ended)
{
    run_two();
    const auto ended = [this] { return store.audit_of("h1").back(); };
    drain("h1", seconds{600});
    eventually([&] { return ended() == "host.drained ok"; }, "its end");
    BOOST_TEST(store.audit().back().detail == R"({"moved":"0","left":"0"})");
    BOOST_TEST(store.audit().back().caller.actor == "system:drain");
    const auto told = store.audit_of("h1").size();
    crash_and_restart();
    join("h1");
    nothing_is_asked();
    BOOST_TEST(std::ranges::count(store.audit_of("h1"), "host.drained ok") == 1);
    BOOST_TEST(store.audit_of("h1").size() >= told);
}

BOOST_AUTO_TEST_SUITE_END()
