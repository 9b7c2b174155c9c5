#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>
#include <pqxx/pqxx>

using namespace tests;
using common::ErrorCode;
using coordinator::store::LeaderSeen;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// Another coordinator of the same database, which stands by in a thread of its own.
class StandsBy {
public:
    explicit StandsBy(coordinator::store::StoreSettings settings)
    {
        settings.standing_by = [this](const LeaderSeen& leader) {
            const std::scoped_lock lock{mutex_};
            leader_ = leader;
            ++looks_;
            wake_.notify_all();
            return !leaving_;
        };
        opened_ = std::async(std::launch::async, [settings] { return PgStore::open(settings); });
    }
    ~StandsBy() { leave(); }

    /// What it has seen last, after at least so many looks.
    LeaderSeen after_looks(unsigned more = 2)
    {
        std::unique_lock lock{mutex_};
        const auto goal = looks_ + more;
        if (!wake_.wait_for(lock, std::chrono::seconds{30}, [&] { return looks_ >= goal; })) {
            throw std::runtime_error{"it looks no longer"};
        }
        return leader_;
    }
    void looks_on_for(milliseconds time)
    {
        for (const auto until = steady_clock::now() + time; steady_clock::now() < until;) {
            after_looks();
        }
    }
    void leave()
    {
        const std::scoped_lock lock{mutex_};
        leaving_ = true;
    }
    common::Result<std::unique_ptr<PgStore>> opened()
    {
        if (opened_.wait_for(std::chrono::seconds{60}) != std::future_status::ready) {
            throw std::runtime_error{"it still stands by"};
        }
        return opened_.get();
    }

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    LeaderSeen leader_;
    unsigned looks_ = 0;
    bool leaving_ = false;
    std::future<common::Result<std::unique_ptr<PgStore>>> opened_; ///< Last: it uses the others.
};

coordinator::store::StoreSettings settings_of(const std::string& database, const char* address)
{
    auto settings = Postgres::shared().settings(database);
    settings.http_address = address;
    settings.idle_check = milliseconds{20};
    return settings;
}

} // namespace

BOOST_AUTO_TEST_SUITE(standby_tests)

BOOST_AUTO_TEST_CASE(one_that_stands_by_knows_the_leader_and_takes_over_when_that_ends)
{
    const auto database = Postgres::shared().fresh_database();
    auto first = open_store(settings_of(database, "10.0.0.1:80"));
    BOOST_TEST(told(write(*first, {an_audit_row()})) == "ok");
    StandsBy second{settings_of(database, "10.0.0.2:80")};
    BOOST_TEST((second.after_looks() == LeaderSeen{1, "10.0.0.1:80"}));
    BOOST_TEST(told(write(*first, {an_audit_row()})) == "ok");
    first.reset();
    const auto opened = second.opened();
    BOOST_REQUIRE_EQUAL(told(opened), "ok");
    BOOST_TEST((*opened)->load()->epoch == 2U);
    BOOST_TEST(told(write(**opened, {an_audit_row()})) == "ok");
    BOOST_TEST((*opened)->verify_audit()->rows == 3U);
    StandsBy third{settings_of(database, "")};
    BOOST_TEST((third.after_looks() == LeaderSeen{2, "10.0.0.2:80"}));
}

BOOST_AUTO_TEST_CASE(a_leader_that_asks_for_nothing_loses_the_lease_and_learns_of_it)
{
    const auto database = Postgres::shared().fresh_database();
    auto hung = settings_of(database, "");
    hung.idle_check = std::chrono::hours{1}; // As if it were stopped.
    const auto first = open_store(hung);
    BOOST_TEST(told(write(*first, {an_audit_row()})) == "ok");
    auto settings = settings_of(database, "");
    settings.leader_silence = milliseconds{300};
    StandsBy second{settings};
    const auto opened = second.opened();
    BOOST_REQUIRE_EQUAL(told(opened), "ok");
    BOOST_TEST((*opened)->load()->epoch == 2U);
    const auto late = write(*first, {an_audit_row(), a_sandbox()});
    BOOST_REQUIRE(!late.has_value());
    BOOST_TEST((late.error().code == ErrorCode::failed_precondition));
    BOOST_TEST((first->lease().error().code == ErrorCode::failed_precondition));
    BOOST_TEST((*opened)->verify_audit()->rows == 1U);
}

BOOST_AUTO_TEST_CASE(a_leader_that_is_idle_or_waits_for_a_slow_server_keeps_the_lease)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto first = open_store(settings_of(database, ""));
    auto settings = settings_of(database, "");
    settings.leader_silence = milliseconds{400};
    StandsBy second{settings};
    second.looks_on_for(milliseconds{1200});
    pqxx::connection other{postgres.url(database, "postgres")};
    pqxx::work sql{other};
    sql.exec("LOCK TABLE sandboxes IN EXCLUSIVE MODE");
    auto answer = start_write(*first, {a_sandbox()});
    second.looks_on_for(milliseconds{1200});
    sql.commit();
    BOOST_TEST(told(in_time(answer)) == "ok");
    second.leave();
    const auto left = second.opened();
    BOOST_REQUIRE(!left.has_value());
    BOOST_TEST(left.error().reason == "coordinator_ending");
    BOOST_TEST(told(write(*first, {an_audit_row()})) == "ok");
}

BOOST_AUTO_TEST_CASE(one_that_has_the_lease_and_loads_is_given_more_time)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto first = PgStore::open(settings_of(database, ""));
    BOOST_REQUIRE_EQUAL(told(first), "ok");
    auto settings = settings_of(database, "");
    settings.leader_silence = milliseconds{200};
    StandsBy second{settings};
    second.looks_on_for(milliseconds{800});
    BOOST_TEST((*first)->load()->epoch == 1U);
    second.leave();
}

BOOST_AUTO_TEST_CASE(a_free_lease_is_left_to_a_leader_that_may_come_back)
{
    const auto database = Postgres::shared().fresh_database();
    open_store(settings_of(database, "10.0.0.1:80")).reset();
    auto settings = settings_of(database, "");
    settings.lease_deference = std::chrono::hours{1};
    StandsBy second{settings};
    BOOST_TEST((second.after_looks() == LeaderSeen{1, "10.0.0.1:80"}));
    const auto first = open_store(settings_of(database, ""));
    BOOST_TEST((second.after_looks(3).epoch == 2U));
    second.leave();
}

BOOST_AUTO_TEST_CASE(one_that_stands_by_changes_nothing_and_must_know_the_schema)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto first = open_store(settings_of(database, ""));
    // As if the leader were of an older version: its table has no such column.
    postgres.sql("ALTER TABLE leader DROP COLUMN http_address; "
                 "DELETE FROM schema_migrations WHERE version = 19",
                 database);
    {
        StandsBy second{settings_of(database, "")};
        BOOST_TEST((second.after_looks() == LeaderSeen{1, ""}));
        second.leave();
        BOOST_TEST(!second.opened().has_value());
    }
    BOOST_TEST(
        postgres.sql("SELECT count(*) FROM schema_migrations WHERE version = 19", database) == "0");
    postgres.sql("INSERT INTO schema_migrations (version, name, sha256) VALUES (9000, 'x', 'y')",
                 database);
    StandsBy third{settings_of(database, "")};
    const auto opened = third.opened();
    BOOST_REQUIRE(!opened.has_value());
    BOOST_TEST(opened.error().reason == "schema_mismatch");
}

BOOST_AUTO_TEST_SUITE_END()
