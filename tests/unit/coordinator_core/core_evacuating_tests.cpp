#include "tests/unit/coordinator_core/replica_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::EvacuationProgress;
using State = EvacuationProgress::State;

namespace {

struct EvacuationFixture : ReplicaFixture {
    EvacuationFixture()
    {
        settings.suspect_after = std::chrono::milliseconds{1000};
        settings.lost_after = std::chrono::milliseconds{1500};
    }
    void lose_h1()
    {
        eventually(
            [&] {
                beat();
                return core->host(me, HostName{"h1"})->health == HostHealth::lost;
            },
            "the loss of h1");
        gone.insert("h1");
    }
    Result<void> evacuate(bool powered_off = true)
    {
        coordinator::HostChange change;
        change.evacuation.emplace();
        change.evacuation->powered_off = powered_off;
        return core->change_host(me, HostName{"h1"}, change);
    }
    std::optional<EvacuationProgress> how() { return core->host(me, HostName{"h1"})->evacuation; }
    void await_evacuation(State wanted)
    {
        eventually(
            [&] {
                beat();
                return how()->state == wanted;
            },
            "that state of the evacuation");
    }
    std::string left(const SandboxId& id)
    {
        const auto now = *how();
        const auto found = std::ranges::find(now.left, id, &DrainProgress::Left::sandbox);
        return found == now.left.end() ? "" : found->reason;
    }
    void await_why(const SandboxId& id, const std::string& reason)
    {
        eventually(
            [&] {
                beat();
                return left(id) == reason;
            },
            "the trouble");
    }
    /// One with a copy on h2, whose host is gone.
    SandboxId orphan(const coordinator::CreateRequest& what = copied_request())
    {
        run_two();
        const auto id = running(what).id;
        moment = copied_once(what.replicas.memory);
        await_copies(id, 1);
        lose_h1();
        return id;
    }
    void evacuated(const SandboxId& id)
    {
        BOOST_REQUIRE(evacuate().has_value());
        const auto sent = comes_on<CreateOnHost>("h2");
        arrived(sent, id);
        deletes("h2", moment); // It is loaded.
        await_evacuation(State::evacuated);
    }

    SnapshotId moment;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_evacuating_tests, EvacuationFixture)

BOOST_AUTO_TEST_CASE(what_ran_goes_on_from_its_copy)
{
    const auto id = orphan();
    const auto before = now(id);
    BOOST_TEST(!core->host(me, HostName{"h1"})->evacuation.has_value());
    BOOST_REQUIRE(evacuate().has_value());
    const auto sent = comes_on<CreateOnHost>("h2");
    const auto& what = std::get<CreateOnHost>(sent.command.what);
    BOOST_TEST(what.sandbox.id == id);
    BOOST_TEST(what.start);
    BOOST_CHECK(what.from_snapshot == moment);
    const auto handed = *store.sandbox(id);
    BOOST_TEST(handed.host.str() == "h2");
    BOOST_TEST(handed.left_host.str() == "h1");
    BOOST_TEST(handed.generation > before.generation);
    BOOST_TEST(stored(moment).host.str() == "h2");
    BOOST_CHECK(how()->state == State::evacuating);
    BOOST_TEST(left(id) == "arriving");
    arrived(sent, id);
    deletes("h2", moment);
    await_evacuation(State::evacuated);
    BOOST_TEST(how()->moved == 1U);
    BOOST_CHECK(now(id).phase == Phase::running);
    BOOST_TEST(now(id).ip == "10.0.0.7");
    BOOST_TEST(core->host(me, HostName{"h1"})->wish.cordoned);
    eventually([&] { return recorded_copies().empty(); }, "that no copy is on record there");
    BOOST_TEST(audited(id, "sandbox.move", false).find(R"("evacuated_from":"h1")") !=
               std::string::npos);
    BOOST_TEST(audited(id, "sandbox.move", false).find(moment.str()) != std::string::npos);
    const Texts rows{"host.connect ok", "host.evacuate intent", "host.evacuate ok"};
    BOOST_TEST(store.audit_of("h1") == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_host_that_comes_back_destroys_what_goes_on_elsewhere)
{
    const auto id = orphan();
    evacuated(id);
    join("h1", {report(id, Phase::running)});
    const auto sent = next_until(
        [](const Sent& one) { return std::holds_alternative<DestroyOnHost>(one.command.what); });
    BOOST_TEST(sent.host.str() == "h1");
    BOOST_TEST(now(id).host.str() == "h2");
    answer(sent, report(id, Phase::destroyed, sent.command.generation));
    await_left(id);
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(a_host_that_comes_back_after_the_record_is_old_does_so_too)
{
    const auto id = orphan();
    evacuated(id);
    const auto second = running().id;
    for (const auto& one : {id, second}) {
        auto destroyed = destroy(one);
        answer(destroy_comes_on("h2"), std::monostate{});
        BOOST_TEST(destroyed.get().has_value());
    }
    clock.leap(std::chrono::hours{25});
    eventually([&] { return !core->get(me, second); },
               "the end of the second one's record in memory");
    join("h1", {report(id, Phase::running)});
    bool destroyed_there = false;
    const auto is_forgotten = [&] {
        while (!link.commands.empty()) { // Also that h2 is to have no copy.
            const auto sent = link.commands.take();
            const auto* destroy = std::get_if<DestroyOnHost>(&sent.command.what);
            destroyed_there = destroyed_there ||
                              (destroy != nullptr && sent.host.str() == "h1" && destroy->id == id);
            answer(sent, std::monostate{});
        }
        return !core->get(me, id);
    };
    eventually(is_forgotten, "its end, too");
    BOOST_TEST(destroyed_there);
}

BOOST_AUTO_TEST_CASE(not_before_nothing_can_run_there)
{
    run();
    auto fenced = movable("h1");
    fenced.fence_after = std::chrono::milliseconds{60'000};
    fenced.fence_action = "pause";
    join_with(fenced, "h1");
    join("h2");
    const auto id = running(copied_request()).id;
    moment = copied_once();
    await_copies(id, 1);
    BOOST_TEST(reason_of(evacuate()) == "host_not_lost");
    lose_h1();
    const auto early = evacuate(false);
    BOOST_TEST(reason_of(early) == "not_fenced");
    BOOST_TEST(early.error().message.find("until it has fenced itself") != std::string::npos);
    BOOST_TEST(!how().has_value());
    BOOST_TEST(!core->host(me, HostName{"h1"})->wish.cordoned);
    nothing_is_asked();
    // What stood still is not the silence of a host, so that it is made of short pauses.
    for (int i = 0; i < 75; ++i) {
        clock.stand_still(std::chrono::milliseconds{1000});
        beat();
        settle();
    }
    eventually(
        [&] {
            clock.stand_still(settings.tick);
            beat();
            return evacuate(false).has_value();
        },
        "the time for its fence");
    const auto sent = comes_on<CreateOnHost>("h2");
    BOOST_TEST(id_in(sent) == id);
}

BOOST_AUTO_TEST_CASE(a_host_without_a_fence_is_evacuated_by_somebodys_word_alone)
{
    const auto id = orphan();
    const auto refused = evacuate(false);
    BOOST_TEST(reason_of(refused) == "not_fenced");
    BOOST_TEST(refused.error().message.find("powered_off") != std::string::npos);
    evacuated(id);
}

BOOST_AUTO_TEST_CASE(what_has_no_copy_stays_and_is_named)
{
    run_two();
    const auto id = runs();
    lose_h1();
    BOOST_REQUIRE(evacuate().has_value());
    await_why(id, "no_replica");
    await_evacuation(State::incomplete);
    BOOST_TEST(how()->remaining == 1U);
    BOOST_TEST(now(id).host.str() == "h1");
    BOOST_TEST(link.commands.empty());
    // It is back: nothing is taken from it any more.
    join("h1", {report(id, Phase::running)});
    BOOST_TEST(left(id) == "host_back");
    BOOST_TEST(core->change_host(me, HostName{"h1"}, {.cordoned = false}).has_value());
    BOOST_TEST(!how().has_value());
}

BOOST_AUTO_TEST_CASE(a_host_that_undid_it_is_asked_again_and_the_copy_is_kept)
{
    const auto id = orphan();
    BOOST_REQUIRE(evacuate().has_value());
    undone(comes_on<CreateOnHost>("h2"));
    await_why(id, "no_capacity");
    BOOST_TEST(now(id).host.str() == "h1");
    BOOST_TEST(now(id).left_host.empty());
    BOOST_TEST(now(id).moving_to.empty());
    BOOST_TEST(recorded_copies() == std::vector{moment}, boost::test_tools::per_element());
    BOOST_CHECK(stored(moment).status == Status::deleted);
    BOOST_TEST(link.commands.empty());
    clock.stand_still(seconds{61}); // Longer than it is shunned.
    const auto again = comes_on<CreateOnHost>("h2");
    BOOST_CHECK(std::get<CreateOnHost>(again.command.what).from_snapshot == moment);
    arrived(again, id);
    deletes("h2", moment);
    await_evacuation(State::evacuated);
}

BOOST_AUTO_TEST_CASE(a_restart_goes_on_with_what_was_on_its_way)
{
    const auto id = orphan();
    BOOST_REQUIRE(evacuate().has_value());
    static_cast<void>(comes_on<CreateOnHost>("h2"));
    crash_and_restart();
    BOOST_TEST(how().has_value());
    join("h2", {}, {made(id, moment)});
    const auto again = next_until(
        [](const Sent& sent) { return std::holds_alternative<CreateOnHost>(sent.command.what); });
    BOOST_TEST(again.host.str() == "h2");
    BOOST_CHECK(std::get<CreateOnHost>(again.command.what).from_snapshot == moment);
    arrived(again, id);
    auto last = comes();
    while (std::holds_alternative<CreateOnHost>(last.command.what)) {
        last = comes(); // It was asked again as h2 had told what it has.
    }
    BOOST_TEST(std::get<DeleteSnapshotOnHost>(last.command.what).snapshot == moment);
    answer(last, std::monostate{});
    eventually([&] { return recorded_copies().empty(); }, "the end of the copy");
    BOOST_TEST(now(id).host.str() == "h2");
    eventually([&] { return store.sandbox(id)->remains_on == std::set{HostName{"h1"}}; },
               "the record of what remains on h1"); // It is written beside the copy's end.
}

BOOST_AUTO_TEST_CASE(one_that_a_restart_interrupted_and_the_host_undid_is_the_old_ones_again)
{
    const auto id = orphan();
    BOOST_REQUIRE(evacuate().has_value());
    static_cast<void>(comes_on<CreateOnHost>("h2"));
    crash_and_restart();
    join("h2", {}, {made(id, moment)});
    undone(next_until(
        [](const Sent& sent) { return std::holds_alternative<CreateOnHost>(sent.command.what); }));
    eventually(
        [&] {
            beat();
            return store.sandbox(id)->host.str() == "h1" && store.sandbox(id)->left_host.empty();
        },
        "that it is h1's again");
    BOOST_TEST(recorded_copies() == std::vector{moment}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(its_snapshots_come_back_as_far_as_they_were_copied)
{
    run_two();
    const auto id = running(copied_request()).id;
    static_cast<void>(copied_once());
    await_copies(id, 1);
    const auto kept = taken(id, "kept").id;
    later();
    const auto first = fetch_of_copy();
    answer(first, copy(first));
    moment = captured_copy();
    const auto fetch = fetch_of_copy();
    answer(fetch, copy(fetch));
    for (int i = 0; i < 2; ++i) {
        answer(comes(), std::monostate{});
    }
    eventually([&] { return copies(id).copies.front().snapshots == 1; }, "the copy of it");
    const auto lost = taken(id, "lost").id;
    lose_h1();
    evacuated(id);
    const auto listed = core->snapshots(me, id, {})->checkpoints;
    BOOST_REQUIRE(listed.size() == 1U);
    BOOST_TEST(listed.front().id == kept);
    BOOST_TEST(stored(kept).host.str() == "h2");
    BOOST_TEST(stored(kept).path == "/there/" + kept.str());
    BOOST_CHECK(stored(lost).status == Status::deleted);
    BOOST_TEST(stored(lost).error.find("which is gone") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_was_asked_of_it_ends_and_what_is_asked_waits)
{
    run_two();
    const auto id = running(copied_request()).id;
    moment = copied_once();
    await_copies(id, 1);
    auto ran = exec(id);
    static_cast<void>(comes_on<ExecOnHost>("h1"));
    lose_h1();
    BOOST_REQUIRE(evacuate().has_value());
    const auto sent = comes_on<CreateOnHost>("h2");
    BOOST_TEST(reason_of(ran.get()) == "outcome_unknown");
    auto asked = pause(id);
    eventually(
        [&] {
            beat();
            return core->metrics().find("paddock_requests_waiting 1\n") != std::string::npos;
        },
        "the request that waits");
    arrived(sent, id);
    while (true) {
        const auto next = comes();
        if (std::holds_alternative<PauseOnHost>(next.command.what)) {
            BOOST_TEST(next.host.str() == "h2");
            done(next, id, Phase::paused);
            break;
        }
        answer(next, std::monostate{});
    }
    BOOST_CHECK(asked.get()->phase == Phase::paused);
}

BOOST_AUTO_TEST_CASE(of_its_disk_alone_it_boots)
{
    run_two();
    const auto id = running(copied_request(false)).id;
    const auto capture = comes_on<SnapshotOnHost>("h1");
    auto report = made(capture);
    report.has_memory = false;
    answer(capture, report);
    const auto fetch = fetch_of_copy();
    auto there = copy(fetch);
    there.has_memory = false;
    answer(fetch, there);
    moment = snapshot_in(capture);
    deletes("h1", moment);
    await_copies(id, 1);
    lose_h1();
    BOOST_REQUIRE(evacuate().has_value());
    const auto sent = comes_on<CreateOnHost>("h2");
    BOOST_TEST(std::get<CreateOnHost>(sent.command.what).start);
    BOOST_CHECK(now(id).phase == Phase::starting);
    arrived(sent, id);
    deletes("h2", moment);
    await_evacuation(State::evacuated);
}

BOOST_AUTO_TEST_CASE(a_destroy_ends_it)
{
    const auto id = orphan();
    BOOST_REQUIRE(evacuate().has_value());
    static_cast<void>(comes_on<CreateOnHost>("h2"));
    auto destroyed = destroy(id);
    const auto sent = comes_on<DestroyOnHost>("h2");
    answer(sent, report(id, Phase::destroyed, sent.command.generation));
    BOOST_TEST(destroyed.get().has_value());
    await_evacuation(State::evacuated);
    BOOST_TEST(how()->moved == 0U);
}

BOOST_AUTO_TEST_CASE(a_copy_that_was_under_way_from_it_is_given_up)
{
    run_two();
    const auto id = running(copied_request()).id;
    moment = copied_once();
    await_copies(id, 1);
    later();
    static_cast<void>(comes_on<SnapshotOnHost>("h1")); // Which never answers.
    lose_h1();
    evacuated(id);
    BOOST_TEST(now(id).host.str() == "h2");
}

BOOST_AUTO_TEST_SUITE_END()
