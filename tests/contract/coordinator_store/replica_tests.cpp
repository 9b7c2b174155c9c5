#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

BOOST_AUTO_TEST_SUITE(replica_tests)

BOOST_AUTO_TEST_CASE(a_copy_comes_back_until_it_is_removed)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    coordinator::Replica row;
    auto& copy = row.copy;
    copy.id = common::mint<common::SnapshotId>();
    copy.parent = common::mint<common::SnapshotId>();
    copy.sandbox = common::mint<common::SandboxId>();
    copy.host = common::HostName{"h2" + hostile()};
    copy.tenant = copy.name = copy.engine = copy.path = hostile();
    copy.libvirt_version = copy.qemu_version = hostile();
    copy.hidden = copy.has_memory = copy.frozen = true;
    copy.size = common::Bytes::mib(70);
    copy.digests = {{"ram", hostile()}, {"", "b"}};
    copy.created_at = at(60'000'000);
    row.generation = 7;
    auto elsewhere = row; // One checkpoint may have several.
    elsewhere.copy.host = common::HostName{"h3"};
    const auto load = [&settings] {
        auto store = PgStore::open(settings);
        BOOST_REQUIRE_EQUAL(told(store), "ok");
        auto snapshot = (*store)->load();
        BOOST_REQUIRE_EQUAL(told(snapshot), "ok");
        return *std::move(snapshot);
    };
    BOOST_TEST(told(write(*open_store(settings), {row, elsewhere})) == "ok");
    auto all = load().replicas;
    BOOST_REQUIRE(all.size() == 2U);
    const auto& back = all.front().copy.host == copy.host ? all.front() : all.back();
    BOOST_TEST((back.copy.id == copy.id && back.copy.parent == copy.parent));
    BOOST_TEST((back.copy.sandbox == copy.sandbox && back.copy.host == copy.host));
    BOOST_TEST((back.copy.tenant == copy.tenant && back.copy.name == copy.name));
    BOOST_TEST((back.copy.engine == copy.engine && back.copy.path == copy.path));
    BOOST_TEST((back.copy.libvirt_version == hostile() && back.copy.qemu_version == hostile()));
    BOOST_TEST((back.copy.hidden && back.copy.has_memory && back.copy.frozen));
    BOOST_TEST((back.copy.size == copy.size && back.copy.digests == copy.digests));
    BOOST_TEST((back.copy.created_at == copy.created_at && back.generation == 7U));
    BOOST_TEST(!back.dropping);
    row.dropping = true;
    const coordinator::ReplicaRemoval removal{elsewhere.copy.id, elsewhere.copy.host};
    BOOST_TEST(told(write(*open_store(settings), {row, removal})) == "ok");
    all = load().replicas;
    BOOST_REQUIRE(all.size() == 1U);
    BOOST_TEST((all.front().copy.host == copy.host && all.front().dropping));
}

BOOST_AUTO_TEST_SUITE_END()
