#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;
using coordinator::NetworkMode;
using coordinator::Pool;

namespace {

/// Every field set.
Pool a_pool(std::string name)
{
    Pool pool;
    pool.name = std::move(name);
    pool.tenant = hostile();
    pool.image = common::ImageName{"tiny" + hostile()};
    pool.vcpus = 2;
    pool.memory = common::Bytes{(std::uint64_t{1} << 61U) + 1};
    pool.network = NetworkMode::isolated;
    pool.min = 3;
    pool.max = 256;
    pool.max_age = std::chrono::hours{24 * 366};
    pool.created_at = at(3);
    return pool;
}

void check_same(const Pool& back, const Pool& sent)
{
    BOOST_TEST((back.name == sent.name));
    BOOST_TEST((back.tenant == sent.tenant));
    BOOST_TEST((back.image == sent.image));
    BOOST_TEST(back.vcpus == sent.vcpus);
    BOOST_TEST((back.memory == sent.memory));
    BOOST_TEST((back.network == sent.network));
    BOOST_TEST(back.min == sent.min);
    BOOST_TEST(back.max == sent.max);
    BOOST_TEST((back.max_age == sent.max_age));
    BOOST_TEST((back.created_at == sent.created_at));
    BOOST_TEST((back.deleted_at == sent.deleted_at));
}

} // namespace

BOOST_AUTO_TEST_SUITE(pool_tests)

BOOST_AUTO_TEST_CASE(a_pool_comes_back_as_it_was_written_last)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    const auto full = a_pool("a" + hostile());
    Pool bare;
    bare.name = "b";
    bare.created_at = at(0);
    {
        const auto store = open_store(settings);
        auto early = full;
        early.min = 0;
        early.max = 1;
        early.max_age = std::chrono::seconds{60};
        BOOST_TEST(told(write(*store, {early, bare, an_audit_row()})) == "ok");
        BOOST_TEST(told(write(*store, {full, an_audit_row()})) == "ok");
    }
    const auto pools = load(settings).pools;
    BOOST_REQUIRE(pools.size() == 2U);
    check_same(pools[0], full);
    check_same(pools[1], bare);
}

BOOST_AUTO_TEST_CASE(a_deleted_pool_stays_on_record_and_is_not_loaded)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto settings = postgres.settings(database);
    {
        const auto store = open_store(settings);
        auto gone = a_pool("gone");
        BOOST_TEST(told(write(*store, {gone, a_pool("kept")})) == "ok");
        gone.deleted_at = at(4);
        BOOST_TEST(told(write(*store, {gone})) == "ok");
    }
    const auto pools = load(settings).pools;
    BOOST_REQUIRE(pools.size() == 1U);
    BOOST_TEST(pools[0].name == "kept");
    BOOST_TEST(postgres.sql("SELECT name FROM pools WHERE deleted_at IS NOT NULL", database) ==
               "gone");
}

BOOST_AUTO_TEST_CASE(a_pool_may_be_made_again_under_the_name_of_a_deleted_one)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    auto again = a_pool("a");
    {
        const auto store = open_store(settings);
        auto gone = again;
        gone.deleted_at = at(4);
        BOOST_TEST(told(write(*store, {gone})) == "ok");
        again.image = common::ImageName{"full"};
        again.network = NetworkMode::none;
        again.created_at = at(5);
        BOOST_TEST(told(write(*store, {again})) == "ok");
    }
    const auto pools = load(settings).pools;
    BOOST_REQUIRE(pools.size() == 1U);
    check_same(pools[0], again);
}

BOOST_AUTO_TEST_CASE(a_warm_sandbox_that_is_claimed_is_in_no_pool_any_more)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    auto warm = a_sandbox();
    warm.pool = "web";
    auto source = a_sandbox();
    source.pool = "web";
    source.pool_source = true;
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, {warm, source})) == "ok");
        warm.pool.clear();
        warm.tenant = "red";
        BOOST_TEST(told(write(*store, {warm, an_audit_row()})) == "ok");
    }
    const auto boxes = load(settings).sandboxes;
    BOOST_REQUIRE(boxes.size() == 2U);
    for (const auto& back : boxes) {
        const bool is_source = back.id == source.id;
        BOOST_TEST(back.pool == (is_source ? "web" : ""));
        BOOST_TEST(back.pool_source == is_source);
        BOOST_TEST(back.tenant == (is_source ? "default" : "red"));
    }
}

BOOST_AUTO_TEST_CASE(a_database_from_before_pools_has_none_and_nothing_in_one)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto settings = postgres.settings(database);
    migrate_up_to(3, postgres.url(database, "paddock_owner"));
    postgres.sql("INSERT INTO sandboxes VALUES ('sbx-aaaaaaaaaaaaaaaa', 'job-aaaaaaaaaaaaaaaa', "
                 "'default', '', 'old', 'tiny', 'd1', 'h1', 1, 268435456, 0, 'nat', '{}', '{}', "
                 "NULL, now(), now(), NULL, NULL, 'running', 'running', 4, '', '', '{}')",
                 database);
    const auto pool = a_pool("a");
    {
        auto store = PgStore::open(settings);
        BOOST_REQUIRE_EQUAL(told(store), "ok");
        const auto snapshot = (*store)->load();
        BOOST_REQUIRE_EQUAL(told(snapshot), "ok");
        BOOST_TEST(snapshot->pools.empty());
        BOOST_REQUIRE(snapshot->sandboxes.size() == 1U);
        BOOST_TEST(snapshot->sandboxes[0].pool.empty());
        BOOST_TEST(!snapshot->sandboxes[0].pool_source);
        BOOST_TEST(told(write(**store, {pool, snapshot->sandboxes[0]})) == "ok");
    }
    const auto later = load(settings);
    BOOST_REQUIRE(later.pools.size() == 1U);
    check_same(later.pools[0], pool);
    BOOST_TEST(later.sandboxes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_daemons_role_may_not_remove_a_pool_from_the_record)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    open_store(postgres.settings(database));
    BOOST_TEST(postgres.sql("SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) FROM "
                            "information_schema.table_privileges WHERE table_name = 'pools' AND "
                            "grantee = 'paddock'",
                            database) == "INSERT SELECT UPDATE");
}

BOOST_AUTO_TEST_SUITE_END()
