// What hosts have, and no record names.
#include "tests/unit/coordinator_core/pool_fixture.hpp"

#include "common/tenant.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct OrphanFixture : CoreFixture {
    /// One that could be adopted, but for what `change` does to it.
    template <typename Change>
    coordinator::SandboxReport somebodys(Change change)
    {
        auto one = report(common::mint<SandboxId>(), Phase::running, 7);
        one.tenant = me.tenant;
        one.image = "tiny";
        one.vcpus = 1;
        one.memory = Bytes::mib(128);
        change(one);
        return one;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_orphans_tests, OrphanFixture)

BOOST_AUTO_TEST_CASE(an_orphan_is_left_alone_and_audited_once)
{
    run_with({"h1"});
    const auto orphan = common::mint<SandboxId>();
    connect("h1", {report(orphan, Phase::running)});
    connect("h1", {report(orphan, Phase::running)});
    settle();
    BOOST_TEST(link.commands.empty());
    const Texts rows{"sandbox.orphan left_alone"};
    eventually([&] { return !store.audit_of(orphan.str()).empty(); }, "the row");
    BOOST_TEST(store.audit_of(orphan.str()) == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_orphan_is_destroyed_where_operators_want_that)
{
    settings.orphans = coordinator::Orphans::destroy;
    run_with({"h1", "h2"});
    const auto mine = running().id;
    const auto at = now(mine).host.str();
    const std::string elsewhere = at == "h1" ? "h2" : "h1";
    const auto orphan = common::mint<SandboxId>();
    connect(elsewhere, {report(orphan, Phase::running, 7), report(mine, Phase::running)});
    const auto sent = expect<DestroyOnHost>();
    BOOST_TEST(sent.host.str() == elsewhere);
    BOOST_CHECK(std::get<DestroyOnHost>(sent.command.what).id == orphan);
    BOOST_TEST(sent.command.generation == 8U); // Or the host would take it for outdated.
    settle();
    BOOST_TEST(link.commands.empty()); // What has a record elsewhere is not touched.
    const Texts rows{"sandbox.orphan destroyed"};
    eventually([&] { return !store.audit_of(orphan.str()).empty(); }, "the row");
    BOOST_TEST(store.audit_of(orphan.str()) == rows, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_orphan_is_adopted_where_operators_want_that_with_its_snapshots)
{
    settings.orphans = coordinator::Orphans::adopt;
    run_with({"h1", "h2"});
    const auto mine = running().id;
    const auto at = now(mine).host.str();
    const std::string elsewhere = at == "h1" ? "h2" : "h1";
    auto orphan = somebodys([&](auto& one) {
        one.name = now(mine).name; // It is taken.
        one.vcpus = 2;
    });
    orphan.ip = "10.0.0.9";
    orphan.network = coordinator::NetworkMode::isolated;
    orphan.disk = coordinator::DiskKind::ephemeral;
    coordinator::CheckpointReport kept;
    kept.id = common::mint<common::SnapshotId>();
    kept.sandbox = orphan.id;
    kept.name = "kept";
    kept.has_memory = true;
    kept.engine = "fast";
    inventory(elsewhere, {orphan, report(mine, Phase::running)}, {kept});
    const auto of_it = [&] { return store.sandbox(orphan.id); };
    eventually([&] { return of_it().has_value(); }, "the record");
    BOOST_TEST(of_it()->name == orphan.id.str());
    BOOST_TEST(of_it()->tenant == me.tenant);
    BOOST_TEST(of_it()->image.str() == "tiny");
    BOOST_TEST(of_it()->host.str() == elsewhere);
    BOOST_TEST(of_it()->vcpus == 2U);
    BOOST_CHECK(of_it()->memory == Bytes::mib(128));
    BOOST_CHECK(of_it()->network == coordinator::NetworkMode::isolated);
    BOOST_CHECK(of_it()->disk == coordinator::DiskKind::ephemeral);
    BOOST_CHECK(of_it()->phase == Phase::running);
    BOOST_CHECK(of_it()->desired == coordinator::Desired::running);
    BOOST_TEST(of_it()->generation == 7U);
    BOOST_TEST(of_it()->ip == "10.0.0.9");
    BOOST_TEST(now(mine).host.str() == at); // What has a record elsewhere is not touched.
    eventually([&] { return store.checkpoint(kept.id).has_value(); }, "its snapshot's");
    BOOST_TEST(store.checkpoint(kept.id)->name == "kept");
    BOOST_TEST(store.checkpoint(kept.id)->has_memory);
    BOOST_CHECK(store.checkpoint(kept.id)->status == coordinator::Checkpoint::Status::ready);
    const Texts rows{"sandbox.orphan adopted", "snapshot.found adopted"};
    eventually([&] { return store.audit_of(orphan.id.str()).size() == 2; }, "the rows");
    BOOST_TEST(store.audit_of(orphan.id.str()) == rows, boost::test_tools::per_element());
    // It is as any other, and told of once.
    inventory(elsewhere, {orphan}, {kept});
    settle();
    BOOST_TEST(link.commands.empty());
    BOOST_TEST(store.audit_of(orphan.id.str()).size() == 2U);
    auto gone = destroy(orphan.id);
    const auto sent = expect<DestroyOnHost>();
    BOOST_TEST(sent.host.str() == elsewhere);
    BOOST_TEST(sent.command.generation == 8U);
    answer(sent, std::monostate{});
    BOOST_TEST(gone.get().has_value());
}

BOOST_AUTO_TEST_CASE(
    what_its_host_has_done_more_with_than_the_record_knows_is_asked_for_what_comes_after)
{
    run_with({"h1"});
    const auto mine = running().id;
    inventory("h1", {report(mine, Phase::running, 9)}, {});
    eventually([&] { return store.sandbox(mine)->generation == 9; }, "the record");
    auto gone = destroy(mine);
    const auto sent = expect<DestroyOnHost>();
    BOOST_TEST(sent.command.generation == 10U);
    answer(sent, std::monostate{});
    BOOST_TEST(gone.get().has_value());
}

BOOST_AUTO_TEST_CASE(a_host_that_lies_about_what_it_has_done_is_not_followed)
{
    run_with({"h1"});
    const auto mine = running().id;
    const auto before = now(mine).generation;
    inventory("h1", {report(mine, Phase::running, 1ULL << 60U)}, {});
    settle();
    BOOST_TEST(now(mine).generation == before);
}

BOOST_FIXTURE_TEST_CASE(a_warm_one_that_is_somebodys_by_its_hosts_word_is_given_to_nobody_else,
                        PoolFixture)
{
    run_on(facts_with("fast"));
    const auto theirs = *filled(1).begin();
    auto told = report(theirs, Phase::paused, 2);
    told.tenant = "somebody";
    told.name = "theirs";
    status("h1", told);
    eventually([&] { return store.sandbox(theirs)->tenant == "somebody"; }, "the record");
    BOOST_TEST(store.sandbox(theirs)->name == "theirs");
    BOOST_TEST(store.sandbox(theirs)->pool == "");
    BOOST_TEST(store.sandbox(theirs)->generation == 2U);
    BOOST_TEST(store.audit_of(theirs.str()).back() == "sandbox.orphan adopted");
    const auto another = warm(); // In its place.
    await_ready(1);
    auto asked = create(wants());
    const auto claim = expect<ClaimOnHost>();
    BOOST_TEST(claimed_in(claim).str() == another.str());
    done(claim, another, Phase::running);
    BOOST_TEST(asked.get()->id.str() == another.str());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_an_orphan_of_anybody_is_not_adopted)
{
    settings.orphans = coordinator::Orphans::adopt;
    run_with({"h1"});
    const std::vector<coordinator::SandboxReport> all{
        somebodys([](auto& one) { one.tenant = std::string{common::pool_tenant}; }),
        somebodys([](auto& one) { one.tenant.clear(); }),
        somebodys([](auto& one) { one.image = "no name"; }),
        somebodys([](auto& one) { one.vcpus = 0; }),
        somebodys([](auto& one) { one.vcpus = 5000; }),
        somebodys([](auto& one) { one.memory = Bytes{}; }),
        somebodys([](auto& one) { one.memory = Bytes{UINT64_MAX}; }),
        somebodys([](auto& one) { one.generation = UINT64_MAX; }),
        somebodys([](auto& one) { one.phase = Phase::starting; }),
    };
    inventory("h1", all, {});
    for (const auto& one : all) {
        eventually([&] { return !store.audit_of(one.id.str()).empty(); }, "its row");
        const Texts rows{"sandbox.orphan left_alone"};
        BOOST_TEST(store.audit_of(one.id.str()) == rows, boost::test_tools::per_element());
        BOOST_TEST(!store.sandbox(one.id).has_value());
    }
    BOOST_TEST(core->host(me, HostName{"h1"})->used_memory.mib() == 0U);
    BOOST_TEST(link.commands.empty());
}

BOOST_AUTO_TEST_SUITE_END()
