#include "coordinator/store/migrations.hpp"

#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>

using namespace tests;
using common::ErrorCode;

BOOST_AUTO_TEST_SUITE(migrations_tests)

BOOST_AUTO_TEST_CASE(a_second_start_migrates_nothing_and_counts_one_epoch_more)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto settings = postgres.settings(database);
    open_store(settings);
    const auto before = postgres.sql("SELECT * FROM schema_migrations", database);
    open_store(settings);
    BOOST_TEST(postgres.sql("SELECT * FROM schema_migrations", database) == before);
    BOOST_TEST(postgres.sql("SELECT max(epoch) FROM leader", database) == "2");
}

BOOST_AUTO_TEST_CASE(many_that_migrate_at_once_apply_each_migration_once)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto info =
        coordinator::store::ConnInfo::parse(postgres.url(database, "paddock_owner"), "url");
    BOOST_REQUIRE(info.has_value());
    std::vector<std::string> results(6);
    std::vector<std::thread> threads;
    for (auto& result : results) {
        threads.emplace_back([&result, &info] {
            coordinator::store::Watchdog watchdog;
            const std::chrono::seconds bound{30};
            auto owner =
                coordinator::store::Session::connect(*info, {"test", bound, bound}, watchdog);
            result = owner ? told(coordinator::store::migrate(
                                 **owner, coordinator::store::migrations(), bound))
                           : owner.error().message;
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (const auto& result : results) {
        BOOST_TEST(result == "ok");
    }
    BOOST_TEST(postgres.sql("SELECT count(*) FROM schema_migrations", database) ==
               std::to_string(coordinator::store::migrations().size()));
}

BOOST_AUTO_TEST_CASE(an_applied_migration_that_changed_is_refused)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    open_store(postgres.settings(database));
    postgres.sql("UPDATE schema_migrations SET sha256 = 'another'", database);
    const auto store = PgStore::open(postgres.settings(database));
    BOOST_REQUIRE(!store.has_value());
    BOOST_TEST((store.error().code == ErrorCode::failed_precondition));
    BOOST_TEST(store.error().message.find("never changes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_schema_newer_than_the_program_is_refused)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    open_store(postgres.settings(database));
    postgres.sql("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x')", database);
    const auto store = PgStore::open(postgres.settings(database));
    BOOST_REQUIRE(!store.has_value());
    BOOST_TEST((store.error().code == ErrorCode::failed_precondition));
    BOOST_TEST(store.error().message.find("9999_later") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_migration_that_fails_leaves_nothing_behind)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto info =
        coordinator::store::ConnInfo::parse(postgres.url(database, "paddock_owner"), "url");
    coordinator::store::Watchdog watchdog;
    const std::chrono::seconds bound{30};
    auto owner = coordinator::store::Session::connect(*info, {"test", bound, bound}, watchdog);
    BOOST_REQUIRE_EQUAL(told(owner), "ok");
    const std::array half{coordinator::store::Migration{1, "0001_half", "CREATE TABLE a (); oops"}};
    BOOST_TEST(!coordinator::store::migrate(**owner, half, bound).has_value());
    BOOST_TEST(postgres.sql("SELECT to_regclass('a') IS NULL", database) == "t");
    const std::array whole{coordinator::store::Migration{1, "0001_whole", "CREATE TABLE a ()"}};
    BOOST_TEST(told(coordinator::store::migrate(**owner, whole, bound)) == "ok");
}

BOOST_AUTO_TEST_CASE(the_daemons_role_may_only_read_and_append_the_audit)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    open_store(postgres.settings(database));
    BOOST_TEST(postgres.sql("SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) FROM "
                            "information_schema.table_privileges WHERE table_name = 'audit' AND "
                            "grantee = 'paddock'",
                            database) == "INSERT SELECT");
    BOOST_CHECK_THROW(postgres.sql("DROP TRIGGER audit_refuses ON audit", database, "paddock"),
                      std::runtime_error);
}

BOOST_AUTO_TEST_CASE(one_role_for_everything_works_too)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto settings = postgres.settings(database);
    settings.database_url = settings.database_owner_url;
    settings.database_owner_url = "";
    const auto store = open_store(settings);
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
}

BOOST_AUTO_TEST_CASE(a_server_that_would_lose_what_it_confirmed_is_refused)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    postgres.sql("ALTER DATABASE " + database + " SET synchronous_commit = off");
    const auto store = PgStore::open(postgres.settings(database));
    BOOST_REQUIRE(!store.has_value());
    BOOST_TEST((store.error().code == ErrorCode::failed_precondition));
    BOOST_TEST(store.error().message.find("synchronous_commit = on") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_error_shows_a_password)
{
    auto& postgres = Postgres::shared();
    auto settings = postgres.settings("no_such_database");
    for (const auto* url : {" password=hunter2", " password='hunter2", " = hunter2"}) {
        settings.database_url += url;
        const auto store = PgStore::open(settings);
        BOOST_REQUIRE(!store.has_value());
        BOOST_TEST(store.error().message.find("hunter2") == std::string::npos);
        BOOST_TEST(store.error().details.find("hunter2") == std::string::npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
