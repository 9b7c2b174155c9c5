#include "common/tenant.hpp"
#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using State = DrainProgress::State;

namespace {

struct DrainingFixture : MovingFixture {
    /// It cannot go to h2, which is as `change` makes it.
    template <typename Change>
    void cannot_go_to(Change change)
    {
        auto another = movable("h2");
        change(another);
        join_with(another, "h2");
        clock.stand_still(seconds{16});
        settle();
        const auto how = *progress();
        BOOST_REQUIRE(how.left.size() == 1U);
        BOOST_TEST(how.left.front().reason == "no_capacity");
        BOOST_TEST(how.left.front().message.find("and " + here + " here") != std::string::npos);
        nothing_is_asked();
    }
    std::string here;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_draining_tests, DrainingFixture)

BOOST_AUTO_TEST_CASE(a_drain_cordons_and_is_on_record)
{
    run_two();
    BOOST_CHECK(!progress().has_value());
    drain("h1", seconds{600});
    const auto host = *core->host(me, HostName{"h1"});
    BOOST_TEST(host.wish.cordoned);
    BOOST_CHECK(host.wish.drain->until - host.wish.drain->since == seconds{600});
    BOOST_CHECK(host.drain->state == State::drained); // Nothing is there.
    BOOST_CHECK(!core->host(me, HostName{"h2"})->drain.has_value());
    BOOST_CHECK(core->hosts(me)->front().drain.has_value());
    BOOST_CHECK(store.after_crash().hosts.front().wish.drain == host.wish.drain);
    const Texts rows{"host.connect ok", "host.drain intent", "host.drain ok"};
    BOOST_TEST(store.audit_of("h1") == rows, boost::test_tools::per_element());
    BOOST_TEST(store.audit().back().detail == R"({"deadline_sec":"600"})");
    BOOST_CHECK(
        core->change_host(me, HostName{"h9"}, {.drain = seconds{1}, .labels = {}}).error().code ==
        ErrorCode::not_found);
    // Cordoned once more it is still drained.
    BOOST_TEST(core->change_host(me, HostName{"h1"}, {.cordoned = true, .labels = {}}).has_value());
    BOOST_CHECK(progress().has_value());
    uncordon();
    BOOST_CHECK(!progress().has_value());
    BOOST_CHECK(!store.after_crash().hosts.front().wish.drain.has_value());
}

BOOST_AUTO_TEST_CASE(a_drain_that_is_not_recorded_is_none)
{
    run_two();
    store.fail(ErrorCode::unavailable);
    const auto asked = core->change_host(me, HostName{"h1"}, {.drain = seconds{60}, .labels = {}});
    BOOST_TEST(reason_of(asked) == "database_unavailable");
    store.recover();
    BOOST_CHECK(!progress().has_value());
    BOOST_TEST(!core->host(me, HostName{"h1"})->wish.cordoned);
    const auto id = runs();
    nothing_is_asked();
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(two_move_at_a_time)
{
    run_two();
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(runs());
    }
    drain();
    const auto first = expect_on<PauseOnHost>("h1");
    const auto second = expect_on<PauseOnHost>("h1");
    nothing_is_asked();
    const auto how = *progress();
    BOOST_CHECK(how.state == State::draining);
    BOOST_TEST(how.remaining == 3U);
    BOOST_TEST(how.moved == 0U);
    std::map<std::string, unsigned> reasons;
    for (const auto& left : how.left) {
        BOOST_TEST(left.tenant == "t");
        ++reasons[left.reason];
    }
    BOOST_TEST(reasons["moving"] == 2U);
    BOOST_TEST(reasons["waiting"] == 1U);
    const auto id = std::get<PauseOnHost>(first.command.what).id;
    done(first, id, Phase::paused);
    answer(captured(), offer());
    const auto fetch = expect_on<FetchSnapshotOnHost>("h2");
    answer(fetch, copy(fetch));
    arrived(expect_on<CreateOnHost>("h2"), id);
    unsigned pauses = 0;
    for (int i = 0; i < 3; ++i) { // The next begins, and the first is cleaned up.
        const auto sent = next();
        pauses += std::holds_alternative<PauseOnHost>(sent.command.what) ? 1 : 0;
        if (!std::holds_alternative<PauseOnHost>(sent.command.what)) {
            answer(sent, std::monostate{});
        }
    }
    BOOST_TEST(pauses == 1U);
    BOOST_TEST(progress()->moved == 1U);
    BOOST_TEST(progress()->remaining == 2U);
    BOOST_TEST(second.host.str() == "h1");
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(it_is_drained_when_nothing_is_left_there_at_all)
{
    run_two();
    const auto id = runs();
    drain();
    const auto create = arriving(id);
    BOOST_TEST(progress()->remaining == 0U);
    BOOST_CHECK(progress()->state == State::draining); // It may come back yet.
    arrived(create, id);
    const auto a = next();
    const auto b = next();
    const auto& leaving = std::holds_alternative<DestroyOnHost>(a.command.what) ? a : b;
    answer(&leaving == &a ? b : a, std::monostate{});
    eventually([&] { return progress()->moved == 1; }, "it has moved");
    BOOST_CHECK(progress()->state == State::draining);
    link.say(coordinator::HostAnswer{leaving.host,
                                     leaving.command.operation,
                                     common::Error{ErrorCode::unavailable, "no", "host_failed"},
                                     {}});
    settle();
    BOOST_CHECK(progress()->state == State::draining);
    nothing_is_asked();
    clock.stand_still(seconds{11});
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{});
    await_drain(State::drained);
    BOOST_CHECK(progress()->left.empty());
}

BOOST_AUTO_TEST_CASE(what_has_not_left_when_its_time_is_over_stays)
{
    run_two();
    const auto first = runs();
    drain("h1", seconds{60});
    const auto fetch = crossing(first);
    auto endless = running(request()).id; // On h2.
    BOOST_TEST(now(endless).host.str() == "h2");
    clock.leap(seconds{61});
    settle();
    BOOST_CHECK(progress()->state == State::draining); // What is under way comes to its end.
    answer(fetch, copy(fetch));
    arrived(expect_on<CreateOnHost>("h2"), first);
    cleaned_up();
    await_left(first);
    await_drain(State::drained);

    uncordon();
    const auto second = runs();
    auto runs_on = exec(second);
    const auto given = expect_on<ExecOnHost>("h1");
    drain("h1", seconds{60});
    await_trouble(second, "busy");
    clock.leap(seconds{61});
    await_drain(State::incomplete);
    BOOST_TEST(progress()->remaining == 1U);
    BOOST_TEST(progress()->left.front().reason == "busy");
    answer(given, output("x"));
    BOOST_TEST(runs_on.get().has_value());
    expect_on<coordinator::AckExecOnHost>("h1");
    clock.stand_still(seconds{16});
    nothing_is_asked();
    drain(); // Asked again it begins anew.
    expect_on<PauseOnHost>("h1");
    BOOST_TEST(progress()->moved == 0U);
}

BOOST_AUTO_TEST_CASE(a_host_that_is_lost_with_a_move_under_way_keeps_no_drain_open)
{
    settings.suspect_after = std::chrono::milliseconds{400};
    settings.lost_after = std::chrono::milliseconds{500};
    run_two();
    static_cast<void>(runs());
    drain("h1", seconds{600});
    expect_on<PauseOnHost>("h1"); // Never answered.
    clock.leap(seconds{601});
    await_drain(State::incomplete);
}

BOOST_AUTO_TEST_CASE(an_uncordon_ends_it_and_what_is_on_its_way_arrives)
{
    run_two();
    const auto id = runs();
    drain();
    const auto fetch = crossing(id);
    uncordon();
    const auto another = runs();
    answer(fetch, copy(fetch));
    arrived(expect_on<CreateOnHost>("h2"), id);
    cleaned_up();
    await_left(id);
    nothing_is_asked();
    BOOST_TEST(now(another).host.str() == "h1");
}

BOOST_AUTO_TEST_CASE(those_of_pools_are_not_counted_and_go)
{
    store.snapshot.hosts = {recorded_host("h1"), recorded_host("h2")};
    auto warm = recorded("sbx-warm", Phase::paused);
    warm.pool = "gone";
    warm.tenant = common::pool_tenant;
    store.snapshot.sandboxes = {warm};
    run();
    drain();
    BOOST_TEST(progress()->remaining == 0U);
    BOOST_CHECK(progress()->state == State::draining);
    join("h2");
    join("h1", {report(warm.id, Phase::paused)});
    answer(expect_on<DestroyOnHost>("h1"), std::monostate{}); // By its pool.
    await_drain(State::drained);
    BOOST_TEST(progress()->moved == 0U);
}

BOOST_AUTO_TEST_CASE(a_restart_goes_on_with_it)
{
    run_two();
    const auto id = runs();
    drain();
    expect_on<PauseOnHost>("h1");
    crash_and_restart();
    BOOST_TEST(core->host(me, HostName{"h1"})->wish.cordoned);
    BOOST_TEST(progress()->remaining == 1U);
    BOOST_CHECK(progress()->state == State::draining);
    nothing_is_asked(); // Its hosts are not there yet.
    join("h2");
    join("h1", {report(id, Phase::running, 2)});
    arrived(arriving(id), id);
    cleaned_up();
    await_left(id);
    await_drain(State::drained);
}

BOOST_AUTO_TEST_CASE(with_no_other_host_nothing_moves)
{
    run();
    join("h1");
    const auto id = runs();
    drain();
    await_trouble(id, "image_elsewhere"); // No other host has anything.
    clock.stand_still(seconds{16});
    settle();
    nothing_is_asked();
    join("h2"); // Until there is one, which is open.
    drain("h2");
    clock.stand_still(seconds{16});
    await_trouble(id, "no_capacity");
    BOOST_TEST(progress()->left.front().message.find("h2: it is cordoned") != std::string::npos);
    uncordon("h2");
    clock.stand_still(seconds{16});
    expect_on<PauseOnHost>("h1");
}

BOOST_AUTO_TEST_CASE(memory_goes_only_where_it_can_be_loaded)
{
    run();
    auto real = movable("h1");
    real.accel = "kvm";
    real.cpu_model = "cpu-1";
    real.arch = "x86_64";
    real.libvirt_version = "9.0";
    join_with(real, "h1");
    const auto id = runs();
    drain();
    const auto like_h1 = [&real](auto& host) { host = real; };
    here = "x86_64";
    cannot_go_to([&](auto& host) { like_h1(host), host.arch = "arm64"; });
    here = "kvm";
    cannot_go_to([&](auto& host) { like_h1(host), host.accel = "tcg"; });
    here = "7.2";
    cannot_go_to([&](auto& host) { like_h1(host), host.qemu_version = "8.0"; });
    here = "9.0";
    cannot_go_to([&](auto& host) { like_h1(host), host.libvirt_version = "10.0"; });
    here = "fast";
    cannot_go_to([&](auto& host) { like_h1(host), host.state_engine = "portable"; });
    here = "cpu-1";
    cannot_go_to([&](auto& host) { like_h1(host), host.cpu_model = "cpu-2"; });
    auto stopping = stop(id); // Off, it goes anywhere.
    done(expect_on<StopOnHost>("h1"), id, Phase::stopped);
    BOOST_TEST(stopping.get().has_value());
    clock.stand_still(seconds{16});
    expect_on<SnapshotOnHost>("h1");
}

BOOST_AUTO_TEST_CASE(an_emulated_guest_sees_nothing_of_its_hosts_cpu)
{
    run_two();
    auto another = movable("h2");
    another.cpu_model = "cpu-2";
    join_with(another, "h2");
    static_cast<void>(runs());
    drain();
    expect_on<PauseOnHost>("h1");
}

BOOST_AUTO_TEST_CASE(what_keeps_one_there_is_told)
{
    settings.max_snapshots_per_sandbox = 2;
    run_two();
    const auto id = runs();
    const auto with = [&](auto change, const std::string& reason) {
        auto first = movable("h1");
        auto second = movable("h2");
        change(first);
        change(second);
        join_with(first, "h1", {report(id, Phase::running, 1)});
        join_with(second, "h2");
        clock.stand_still(seconds{16});
        await_trouble(id, reason);
        nothing_is_asked();
    };
    with([](auto& host) { host.images.front().agent = "qemu"; }, "");
    drain();
    await_trouble(id, "no_agent");
    with([](auto& host) { host.images.front().boot = "uefi"; }, "uefi");
    with([](auto& host) { host.state_engine = "portable"; }, "state_incompatible");
    with([](auto& host) { host.images.front().digest = "d2"; }, "image_elsewhere");
    uncordon();
    join("h1", {report(id, Phase::running, 1)});
    join("h2");
    const auto one = taken(id, "one").id;
    auto checked = verify(id, "one");
    refuse(expect<VerifySnapshotOnHost>(), ErrorCode::failed_precondition, "checkpoint_damaged");
    BOOST_TEST(reason_of(checked.get()) == "checkpoint_damaged");
    drain();
    await_trouble(id, "snapshot_damaged");
    uncordon();
    auto gone = forget(id, "one");
    answer(expect<DeleteSnapshotOnHost>(), std::monostate{});
    BOOST_TEST(gone.get()->id == one);
    taken(id, "one");
    taken(id, "two");
    drain();
    await_trouble(id, "too_many_snapshots");
    nothing_is_asked();
}

BOOST_AUTO_TEST_CASE(an_intent_that_is_not_recorded_leaves_nothing)
{
    run_two();
    const auto id = runs();
    store.fail(ErrorCode::unavailable, [](const auto& changes) {
        return std::ranges::any_of(changes, [](const auto& change) {
            const auto* row = std::get_if<coordinator::AuditRow>(&change);
            return row != nullptr && row->action == "sandbox.move";
        });
    });
    drain();
    await_trouble(id, "database_unavailable");
    store.recover();
    settle();
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(std::ranges::count(rows, "sandbox.move database_unavailable") == 0);
    nothing_is_asked();
    clock.stand_still(seconds{16});
    arrived(arriving(id), id);
    cleaned_up();
    await_left(id);
}

BOOST_AUTO_TEST_CASE(a_move_that_was_given_up_before_it_was_recorded_does_not_begin_later)
{
    run_two();
    const auto id = runs();
    drain("h2"); // So that the drain of h1 is on record, and nothing begins.
    drain();
    await_trouble(id, "no_capacity");
    store.hold();
    auto open = std::async(std::launch::async, [this] {
        return core->change_host(me, HostName{"h2"}, {.cordoned = false, .labels = {}});
    });
    eventually([&] { return store.held() == 1; }, "it is open again");
    clock.stand_still(seconds{16});
    eventually([&] { return store.held() == 2; }, "the intent");
    clock.stand_still(seconds{61}); // Nothing was heard of it.
    eventually([&] { return trouble(id) == "host_silent"; }, "the trouble");
    clock.stand_still(seconds{61}); // Until that host is asked again.
    eventually([&] { return trouble(id) == "moving"; }, "the next one");
    store.let_go();
    BOOST_TEST(open.get().has_value());
    arrived(arriving(id), id); // Once.
    cleaned_up();
    await_left(id);
    nothing_is_asked();
}

BOOST_AUTO_TEST_SUITE_END()
