#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

/// A store with ten audit rows, some of them hostile.
struct Audited {
    Postgres& postgres = Postgres::shared();
    std::string database = postgres.fresh_database();
    std::unique_ptr<PgStore> store = open_store(postgres.settings(database));

    Audited()
    {
        for (int i = 0; i < 10; ++i) {
            auto row = an_audit_row(hostile());
            row.detail = row.action = row.caller.actor = hostile();
            row.kind = i % 2 == 0 ? AuditRow::Kind::intent : AuditRow::Kind::outcome;
            BOOST_REQUIRE_EQUAL(told(write(*store, {row})), "ok");
        }
    }
    void tamper(const std::string& sql)
    {
        postgres.sql("ALTER TABLE audit DISABLE TRIGGER ALL; " + sql +
                         "; ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_keeps_rows",
                     database);
    }
    std::string verdict() { return told(store->verify_audit()); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(audit_verifier_tests, Audited)

BOOST_AUTO_TEST_CASE(an_untouched_chain_is_whole_and_has_a_head)
{
    const auto checked = store->verify_audit();
    BOOST_REQUIRE_EQUAL(told(checked), "ok");
    BOOST_TEST(checked->rows == 10U);
    BOOST_TEST(checked->head ==
               postgres.sql("SELECT encode(hash, 'hex') FROM audit WHERE seq = 10", database));
}

BOOST_AUTO_TEST_CASE(a_check_tells_what_fits_and_what_does_not)
{
    const auto going = [] { return true; };
    const auto well = store->check_audit(going);
    BOOST_REQUIRE_EQUAL(told(well), "ok");
    BOOST_TEST(!well->flaw);
    BOOST_TEST(well->rows == 10U);
    tamper("UPDATE audit SET actor = 'token:somebody' WHERE seq = 4");
    const auto checked = store->check_audit(going);
    BOOST_REQUIRE_EQUAL(told(checked), "ok");
    BOOST_REQUIRE(checked->flaw);
    BOOST_TEST(checked->flaw->seq == 4U);
    BOOST_TEST(checked->flaw->why == "its columns are not what its payload says");
    BOOST_TEST(checked->rows == 3U);
    BOOST_TEST(checked->head ==
               postgres.sql("SELECT encode(hash, 'hex') FROM audit WHERE seq = 3", database));
}

BOOST_AUTO_TEST_CASE(one_check_at_a_time_and_it_ends_when_it_is_told_to)
{
    std::promise<void> begun;
    std::promise<void> enough;
    auto first = std::async(std::launch::async, [&] {
        return store->check_audit([&, is_first = true]() mutable {
            if (std::exchange(is_first, false)) {
                begun.set_value();
                enough.get_future().wait();
            }
            return false;
        });
    });
    begun.get_future().wait();
    const auto second = store->check_audit([] { return true; });
    // It holds nobody up: neither who writes nor who reads.
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    BOOST_TEST(told(store->audit_head()) == "ok");
    enough.set_value();
    const auto ended = first.get();
    BOOST_REQUIRE(!second);
    BOOST_TEST(second.error().stable_reason() == "audit_being_verified");
    BOOST_REQUIRE(!ended);
    BOOST_TEST(ended.error().stable_reason() == "coordinator_ending");
    BOOST_TEST(verdict() == "ok");
}

BOOST_AUTO_TEST_CASE(a_chain_goes_on_after_a_restart)
{
    store.reset();
    store = open_store(postgres.settings(database));
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    const auto checked = store->verify_audit();
    BOOST_REQUIRE_EQUAL(told(checked), "ok");
    BOOST_TEST(checked->rows == 11U);
}

BOOST_AUTO_TEST_CASE(nobody_changes_rows_while_the_triggers_stand)
{
    for (const auto* user : {"paddock", "paddock_owner", "postgres"}) {
        for (const auto* sql :
             {"UPDATE audit SET result = 'ok'",
              "DELETE FROM audit",
              "DELETE FROM audit WHERE false",
              "TRUNCATE audit",
              "INSERT INTO audit SELECT * FROM audit ON CONFLICT (seq) DO UPDATE SET at = now()"}) {
            BOOST_CHECK_THROW(postgres.sql(sql, database, user), std::runtime_error);
        }
    }
    BOOST_CHECK_THROW(
        postgres.sql("SET session_replication_role = replica; DELETE FROM audit", database),
        std::runtime_error);
    BOOST_TEST(verdict() == "ok");
}

BOOST_AUTO_TEST_CASE(a_changed_column_is_found)
{
    tamper("UPDATE audit SET actor = 'token:somebody' WHERE seq = 4");
    BOOST_TEST(verdict() == "audit row 4 does not fit: its columns are not what its payload says");
}

BOOST_AUTO_TEST_CASE(a_changed_time_is_found)
{
    tamper("UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 10");
    BOOST_TEST(verdict() == "audit row 10 does not fit: its columns are not what its payload says");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_found)
{
    tamper("UPDATE audit SET at = 'infinity' WHERE seq = 7");
    BOOST_TEST(verdict() == "audit row 7 does not fit: what it holds cannot be read");
}

BOOST_AUTO_TEST_CASE(a_changed_payload_is_found)
{
    tamper("UPDATE audit SET payload = payload || '\\x00' WHERE seq = 4");
    BOOST_TEST(verdict() == "audit row 4 does not fit: its columns are not what its payload says");
}

BOOST_AUTO_TEST_CASE(a_changed_hash_is_found)
{
    tamper("UPDATE audit SET hash = sha256('x') WHERE seq = 4");
    BOOST_TEST(verdict() == "audit row 4 does not fit: hash is not that of its payload");
}

BOOST_AUTO_TEST_CASE(a_removed_row_is_found)
{
    tamper("DELETE FROM audit WHERE seq = 4");
    BOOST_TEST(verdict() == "audit row 4 does not fit: it is missing, the next one is 5");
}

BOOST_AUTO_TEST_CASE(rows_cut_off_at_the_end_are_found)
{
    tamper("DELETE FROM audit WHERE seq > 8");
    BOOST_TEST(verdict() ==
               "audit row 9 does not fit: it is missing, though rows up to 10 were committed");
}

BOOST_AUTO_TEST_CASE(rows_cut_off_and_written_anew_are_found)
{
    store.reset();
    tamper("DELETE FROM audit WHERE seq > 8");
    store = open_store(postgres.settings(database));
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    }
    BOOST_TEST(verdict() == "audit row 10 does not fit: a coordinator noted another hash for it");
}

BOOST_AUTO_TEST_SUITE_END()
