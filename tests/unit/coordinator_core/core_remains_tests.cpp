#include "tests/unit/coordinator_core/replica_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::EvacuationProgress;

namespace {

/// A sandbox that goes on on h2, and its first host is gone.
struct RemainsFixture : ReplicaFixture {
    RemainsFixture()
    {
        settings.suspect_after = std::chrono::milliseconds{1000};
        settings.lost_after = std::chrono::milliseconds{1500};
    }
    void lose(const std::string& host)
    {
        heard.erase(host);
        gone.insert(host);
        eventually(
            [&] {
                beat();
                return core->host(me, HostName{host})->health == HostHealth::lost;
            },
            "the loss of a host");
    }
    void evacuate(const std::string& host)
    {
        coordinator::HostChange change;
        change.evacuation.emplace();
        change.evacuation->powered_off = true;
        BOOST_REQUIRE(core->change_host(me, HostName{host}, change).has_value());
    }
    /// It is made of that copy there, and the copy goes.
    void comes_back_on(const std::string& host, const SnapshotId& copy)
    {
        const auto sent = comes_on<CreateOnHost>(host);
        BOOST_CHECK(std::get<CreateOnHost>(sent.command.what).from_snapshot == copy);
        arrived(sent, id);
        deletes(host, copy);
        eventually(
            [&] {
                beat();
                const auto row = store.sandbox(id);
                return row->host.str() == host && row->moving_to.empty() && row->left_host.empty();
            },
            "its end, written down");
    }
    void evacuated_to_h2()
    {
        run_two();
        id = running(copied_request()).id;
        const auto copy = copied_once();
        await_copies(id, 1);
        lose("h1");
        evacuate("h1");
        comes_back_on("h2", copy);
    }
    /// A round from h2: the copy that h3 has by then.
    SnapshotId copied_to_h3()
    {
        later();
        const auto capture = comes_on<SnapshotOnHost>("h2");
        answer(capture, held_still(capture));
        answer(comes_on<OfferSnapshotOnHost>("h2"), offer());
        const auto fetch = comes_on<FetchSnapshotOnHost>("h3");
        answer(fetch, copy(fetch));
        deletes("h2", snapshot_in(capture));
        await_copies(id, 1);
        return snapshot_in(capture);
    }
    void joins(const std::string& host, std::vector<coordinator::SandboxReport> has = {})
    {
        gone.erase(host);
        heard.insert(host);
        join(host, std::move(has));
    }
    std::set<std::string> remains()
    {
        std::set<std::string> hosts;
        const auto row = store.sandbox(id);
        for (const auto& host : row->remains_on) {
            hosts.insert(host.str());
        }
        return hosts;
    }
    void await_remains(const std::set<std::string>& wanted)
    {
        eventually(
            [&] {
                beat();
                return remains() == wanted;
            },
            "what is left elsewhere");
    }

    SandboxId id;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_remains_tests, RemainsFixture)

BOOST_AUTO_TEST_CASE(a_host_that_never_comes_back_keeps_nothing_from_what_was_there)
{
    evacuated_to_h2();
    joins("h3");
    const auto copy = copied_to_h3(); // And not to h1.
    BOOST_TEST((remains() == std::set<std::string>{"h1"}));
    lose("h2");
    evacuate("h2");
    comes_back_on("h3", copy);
    BOOST_TEST((remains() == std::set<std::string>{"h1", "h2"}));
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(it_moves_on_and_never_to_where_something_of_it_is)
{
    evacuated_to_h2();
    joins("h3");
    static_cast<void>(copied_to_h3());
    drain("h2");
    done(comes_on<PauseOnHost>("h2"), id, Phase::paused);
    const auto capture = comes_on<SnapshotOnHost>("h2");
    answer(capture, held_still(capture));
    answer(comes_on<OfferSnapshotOnHost>("h2"), offer());
    const auto fetch = comes_on<FetchSnapshotOnHost>("h3");
    answer(fetch, copy(fetch));
    arrived(comes_on<CreateOnHost>("h3"), id);
    const auto left = next_until(
        [](const Sent& one) { return std::holds_alternative<DestroyOnHost>(one.command.what); });
    BOOST_TEST(left.host.str() == "h2");
    await_remains({"h1", "h2"});
    answer(left, std::monostate{});
    await_remains({"h1"});
}

BOOST_AUTO_TEST_CASE(hosts_that_come_back_destroy_it_each)
{
    evacuated_to_h2();
    joins("h3");
    const auto copy = copied_to_h3();
    lose("h2");
    evacuate("h2");
    comes_back_on("h3", copy);
    for (const auto* host : {"h2", "h1"}) {
        joins(host, {report(id, Phase::running)});
        const auto sent = next_until([](const Sent& one) {
            return std::holds_alternative<DestroyOnHost>(one.command.what);
        });
        BOOST_TEST(sent.host.str() == host);
        BOOST_TEST(now(id).host.str() == "h3");
        answer(sent, report(id, Phase::destroyed, sent.command.generation));
        await_remains(remains().contains("h1") && std::string_view{host} == "h2"
                          ? std::set<std::string>{"h1"}
                          : std::set<std::string>{});
    }
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(after_a_restart_they_are_asked_likewise)
{
    evacuated_to_h2();
    crash_and_restart();
    join("h2", {report(id, Phase::running, store.sandbox(id)->generation)});
    BOOST_TEST((remains() == std::set<std::string>{"h1"}));
    joins("h1"); // Made anew: nothing is there.
    const auto sent = next_until(
        [](const Sent& one) { return std::holds_alternative<DestroyOnHost>(one.command.what); });
    BOOST_TEST(sent.host.str() == "h1");
    refuse(sent, ErrorCode::not_found);
    await_remains({});
    BOOST_CHECK(now(id).phase == Phase::running);
}

BOOST_AUTO_TEST_CASE(one_that_is_destroyed_is_kept_on_record_until_nothing_of_it_is_left)
{
    evacuated_to_h2();
    auto destroyed = destroy(id);
    const auto here = next_until(
        [](const Sent& one) { return std::holds_alternative<DestroyOnHost>(one.command.what); });
    BOOST_TEST(here.host.str() == "h2");
    answer(here, report(id, Phase::destroyed, here.command.generation));
    BOOST_TEST(destroyed.get().has_value());
    await_remains({"h1"});
    // Asked for as what is left there, and as what is told of and is destroyed by the record.
    joins("h1", {report(id, Phase::running)});
    eventually(
        [&] {
            beat();
            while (!link.commands.empty()) {
                const auto sent = link.commands.take();
                if (std::holds_alternative<DestroyOnHost>(sent.command.what)) {
                    answer(sent, report(id, Phase::destroyed, sent.command.generation));
                }
            }
            return remains().empty();
        },
        "that nothing is left");
}

BOOST_AUTO_TEST_SUITE_END()
