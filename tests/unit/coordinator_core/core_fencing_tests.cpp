#include "tests/unit/coordinator_core/moving_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::HeardOnHost;
using coordinator::LiftFenceOnHost;

namespace {

struct FencingFixture : MovingFixture {
    void beat(std::uint64_t seq, const std::string& instance = "run-h1")
    {
        auto facts = movable("h1");
        facts.fence_action = fence;
        link.say(coordinator::HostBeat{HostName{"h1"}, facts, instance, seq});
        settle();
    }
    static coordinator::SandboxReport fenced(const SandboxId& id, Phase phase = Phase::paused)
    {
        auto one = report(id, phase);
        one.error = "fenced: its host heard no leader";
        one.fenced = true;
        return one;
    }
    /// Whom the next word lets go on.
    std::vector<SandboxId> lifted()
    {
        return std::get<LiftFenceOnHost>(expect<LiftFenceOnHost>().command.what).sandboxes;
    }

    std::string fence = "keep"; ///< As h1 says.
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_fencing_tests, FencingFixture)

BOOST_AUTO_TEST_CASE(a_heartbeat_is_acknowledged_once_the_database_has_confirmed_who_leads)
{
    store.confirmed_at = clock.steady();
    run_two();
    beat(1);
    beat(2);
    BOOST_TEST(link.commands.empty());
    store.confirmed_at = clock.steady();
    const auto sent = expect<HeardOnHost>();
    BOOST_TEST(sent.host.str() == "h1");
    BOOST_TEST(std::get<HeardOnHost>(sent.command.what).instance == "run-h1");
    BOOST_TEST(std::get<HeardOnHost>(sent.command.what).seq == 2U);
    beat(3);
    beat(1, "run-anew"); // What it said before it started again is nobody's.
    store.confirmed_at = clock.steady();
    const auto anew = expect<HeardOnHost>();
    BOOST_TEST(std::get<HeardOnHost>(anew.command.what).instance == "run-anew");
    BOOST_TEST(std::get<HeardOnHost>(anew.command.what).seq == 1U);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_host_of_an_older_version_is_not_bothered)
{
    run_two();
    fence = "";
    beat(1);
    fence = "pause";
    beat(2);
    BOOST_TEST(std::get<HeardOnHost>(expect<HeardOnHost>().command.what).seq == 2U);
}

BOOST_AUTO_TEST_CASE(what_stood_still_for_the_fence_goes_on_and_both_are_on_record)
{
    run_two();
    const auto id = runs();
    status("h1", fenced(id));
    BOOST_TEST(lifted() == std::vector{id}, boost::test_tools::per_element());
    await_stored(id, Phase::paused);
    BOOST_TEST(now(id).error == "fenced: its host heard no leader");
    BOOST_CHECK(store.sandbox(id)->desired == Desired::running);
    status("h1", report(id, Phase::running), 2);
    await_stored(id, Phase::running);
    BOOST_TEST(now(id).error == "");
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(std::ranges::count(rows, "sandbox.fence ok") == 1);
    BOOST_TEST(std::ranges::count(rows, "sandbox.unfence ok") == 1);
}

BOOST_AUTO_TEST_CASE(a_new_coordinator_hears_of_it_by_the_inventory)
{
    run_two();
    const auto id = runs();
    status("h1", fenced(id));
    static_cast<void>(lifted());
    await_stored(id, Phase::paused);
    crash_and_restart();
    join("h1", {fenced(id)});
    BOOST_TEST(lifted() == std::vector{id}, boost::test_tools::per_element());
    const auto rows = store.audit_of(id.str());
    BOOST_TEST(std::ranges::count(rows, "sandbox.fence ok") == 1);
}

BOOST_AUTO_TEST_CASE(who_was_stopped_paused_or_destroyed_by_somebody_does_not_go_on)
{
    run_two();
    const auto stays = paused();
    const auto gone = runs();
    const auto goes = runs();
    auto asked = destroy(gone);
    const auto sent = expect<DestroyOnHost>();
    status("h1", fenced(gone, Phase::paused), 1);
    status("h1", report(stays, Phase::paused, 2), 2);
    status("h1", fenced(goes), 3);
    BOOST_TEST(lifted() == std::vector{goes}, boost::test_tools::per_element());
    done(sent, gone, Phase::destroyed);
    BOOST_TEST(asked.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_pause_of_what_stands_still_for_the_fence_is_its_hosts_to_know)
{
    run_two();
    const auto id = runs();
    status("h1", fenced(id));
    static_cast<void>(lifted());
    auto asked = pause(id);
    const auto sent = link.commands.take_until(
        [](const auto& one) { return std::holds_alternative<PauseOnHost>(one.command.what); });
    done(sent, id, Phase::paused);
    BOOST_CHECK(asked.get()->phase == Phase::paused);
}

BOOST_AUTO_TEST_CASE(who_was_stopped_for_the_fence_stays_so)
{
    run_two();
    const auto id = runs();
    status("h1", fenced(id, Phase::stopped));
    await_stored(id, Phase::stopped);
    BOOST_TEST(now(id).error == "fenced: its host heard no leader");
    BOOST_CHECK(store.sandbox(id)->desired == Desired::stopped);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_CASE(who_has_moved_away_or_is_on_its_way_is_not_named)
{
    auto left = recorded("sbx-left", Phase::running, "h2");
    left.left_host = HostName{"h1"};
    auto leaving = recorded("sbx-leaving", Phase::running);
    leaving.moving_to = HostName{"h2"};
    const auto plain = recorded("sbx-plain", Phase::running);
    store.snapshot.sandboxes = {left, leaving, plain};
    run();
    join("h1", {fenced(left.id), fenced(leaving.id), fenced(plain.id)});
    for (bool named = false; !named;) {
        const auto sent = link.commands.take();
        if (const auto* lift = std::get_if<LiftFenceOnHost>(&sent.command.what); lift != nullptr) {
            BOOST_TEST(lift->sandboxes == std::vector{plain.id}, boost::test_tools::per_element());
            named = true;
        }
    }
}

BOOST_AUTO_TEST_CASE(what_a_host_without_a_leader_refuses_is_asked_for_again)
{
    run_two();
    const auto id = off();
    auto asked = start(id);
    refuse(expect<StartOnHost>(), ErrorCode::unavailable, "fenced");
    auto made = create(on_h1());
    cut_short(expect<CreateOnHost>(), ErrorCode::unavailable, "fenced");
    beat(1);
    static_cast<void>(expect<HeardOnHost>());
    done(expect<StartOnHost>(), id, Phase::running);
    BOOST_CHECK(asked.get()->phase == Phase::running);
    const auto again = expect<CreateOnHost>();
    done(again, id_in(again), Phase::running);
    BOOST_CHECK(made.get()->phase == Phase::running);
}

BOOST_AUTO_TEST_SUITE_END()
