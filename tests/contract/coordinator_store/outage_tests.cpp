#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <csignal>
#include <future>
#include <map>
#include <pqxx/pqxx>
#include <set>
#include <sstream>
#include <thread>

using namespace tests;
using common::ErrorCode;

namespace {

/// Asks the database until it says `expected`; each question takes some milliseconds.
void wait_until(Postgres& postgres, const std::string& database, const std::string& question)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (postgres.sql(question, database) != "t") {
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error{"in vain: " + question};
        }
    }
}

const std::string writer_pid =
    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'paddock-writer-%'"
    " AND datname = current_database()";

/// Threads that write sandboxes one after another and remember what they were told.
class Load {
public:
    explicit Load(PgStore& store) : store_{store}
    {
        for (int i = 0; i < 4; ++i) {
            threads_.emplace_back([this] { run(); });
        }
    }
    ~Load() { stop(); }

    void stop()
    {
        stopping_ = true;
        for (auto& thread : threads_) {
            if (thread.joinable()) {
                thread.join();
            }
        }
    }
    /// Until so many more were confirmed.
    void wait_for(std::size_t more)
    {
        std::unique_lock lock{mutex_};
        const auto goal = confirmed_ + more;
        if (!wake_.wait_for(lock, std::chrono::seconds{60}, [&] { return confirmed_ >= goal; })) {
            throw std::runtime_error{"writing did not go on"};
        }
    }
    /// By id; after stop().
    [[nodiscard]] const std::map<std::string, common::Result<>>& told() const { return told_; }
    [[nodiscard]] std::size_t confirmed() const { return confirmed_; }

private:
    void run()
    {
        while (!stopping_) {
            const auto box = a_sandbox();
            auto result = write(store_, {an_audit_row(box.id.str()), box});
            const std::scoped_lock lock{mutex_};
            confirmed_ += result.has_value() ? 1U : 0U;
            told_.emplace(box.id.str(), std::move(result));
            wake_.notify_all();
        }
    }

    PgStore& store_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::string, common::Result<>> told_;
    std::size_t confirmed_ = 0;
    std::vector<std::thread> threads_;
};

/// Every confirmed row is there, none that was certainly not written, each once in the audit.
void compare(Postgres& postgres, const std::string& database, const Load& load)
{
    std::istringstream lines{postgres.sql("SELECT id FROM sandboxes", database)};
    std::set<std::string> stored;
    for (std::string id; lines >> id;) {
        stored.insert(id);
    }
    std::map<std::string, int> answers;
    for (const auto& [id, result] : load.told()) {
        const auto there = stored.contains(id);
        ++answers[result ? "ok" : std::string{to_string(result.error().code)}];
        if (result) {
            BOOST_TEST(there, id << " was confirmed and is not there");
        } else if (result.error().code != ErrorCode::timeout) {
            BOOST_TEST(!there, id << " is there, but: " << result.error().message);
        }
    }
    BOOST_TEST(postgres.sql("SELECT count(*) = count(DISTINCT target) FROM audit", database) ==
               "t");
    BOOST_TEST(postgres.sql("SELECT (SELECT count(*) FROM audit) = (SELECT count(*) FROM "
                            "sandboxes)",
                            database) == "t");
    for (const auto& [answer, count] : answers) {
        BOOST_TEST_MESSAGE(answer << ": " << count);
    }
}

/// Makes each COMMIT that wrote a sandbox wait for as long as the test holds a lock.
class SlowCommit {
public:
    SlowCommit(Postgres& postgres, const std::string& database)
        : postgres_{postgres}, database_{database}, holder_{postgres.url(database, "postgres")}
    {
        postgres.sql("CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                     "PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$; "
                     "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON sandboxes DEFERRABLE "
                     "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_test()",
                     database);
        pqxx::nontransaction{holder_}.exec("SELECT pg_advisory_lock(42)");
    }
    void wait_until_one_hangs()
    {
        wait_until(postgres_,
                   database_,
                   "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name LIKE "
                   "'paddock-writer-%' AND query = 'COMMIT' AND wait_event = 'advisory' AND "
                   "datname = current_database()");
    }
    void let_go() { holder_.disconnect(); }

private:
    Postgres& postgres_;
    std::string database_;
    pqxx::connection holder_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(outage_tests)

BOOST_AUTO_TEST_CASE(a_killed_backend_under_load_loses_and_doubles_nothing)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    Load load{*store};
    for (int i = 0; i < 3; ++i) {
        load.wait_for(50);
        Postgres::kill_backend(postgres.sql(writer_pid, database));
    }
    load.wait_for(50);
    load.stop();
    compare(postgres, database, load);
    BOOST_TEST(told(store->verify_audit()) == "ok");
    BOOST_TEST(told(store->check()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_restart_under_load_loses_and_doubles_nothing)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto settings = postgres.settings(database);
    settings.write_patience = std::chrono::seconds{50}; // Less than what a write is waited for.
    const auto store = open_store(settings);
    Load load{*store};
    for (const int how : {SIGINT, SIGQUIT}) {
        load.wait_for(50);
        postgres.stop(how);
        postgres.start();
    }
    load.wait_for(50);
    load.stop();
    compare(postgres, database, load);
    BOOST_TEST(load.told().size() == load.confirmed()); // Within write_patience: none failed.
    BOOST_TEST(told(store->verify_audit()) == "ok");
}

BOOST_AUTO_TEST_CASE(that_it_leads_is_confirmed_while_the_server_says_so_whoever_writes)
{
    using std::chrono::steady_clock;
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    const auto confirmed_after = [&store](common::SteadyTime moment) {
        const auto until = steady_clock::now() + std::chrono::seconds{30};
        while (store->confirmed() < moment && steady_clock::now() < until) {
            static_cast<void>(store->check());
        }
        return store->confirmed() >= moment && store->confirmed() <= steady_clock::now();
    };
    BOOST_TEST(confirmed_after(steady_clock::now())); // Nobody writes.
    const auto before = steady_clock::now();
    BOOST_TEST(write(*store, {an_audit_row()}).has_value());
    BOOST_TEST((store->confirmed() >= before));
    postgres.stop(SIGQUIT);
    const auto away = steady_clock::now();
    BOOST_TEST(!store->check().has_value());
    BOOST_TEST((store->confirmed() < away));
    postgres.start();
    BOOST_TEST(confirmed_after(steady_clock::now()));
}

BOOST_AUTO_TEST_CASE(an_outage_longer_than_the_patience_is_unavailable_and_then_over)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto settings = postgres.settings(database);
    settings.write_patience = std::chrono::milliseconds{300};
    const auto store = open_store(settings);
    postgres.stop(SIGQUIT);
    const auto box = a_sandbox();
    const auto result = write(*store, {box});
    const auto checked = store->check();
    postgres.start();
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::unavailable));
    BOOST_REQUIRE(!checked.has_value());
    BOOST_TEST((checked.error().code == ErrorCode::unavailable));
    wait_until(postgres, database, "SELECT count(*) = 1 FROM (" + writer_pid + ") AS writer");
    auto after = write(*store, {an_audit_row()});
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!after && after.error().code == ErrorCode::unavailable &&
           std::chrono::steady_clock::now() < until) {
        after = write(*store, {an_audit_row()}); // Its patience is short.
    }
    BOOST_TEST(told(after) == "ok");
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "0");
    BOOST_TEST(told(store->check()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_commit_that_was_cut_and_did_not_land_is_written_again)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    SlowCommit slow{postgres, database};
    auto answer = start_write(*store, {a_sandbox(), an_audit_row()});
    slow.wait_until_one_hangs();
    const auto pid = postgres.sql(writer_pid, database);
    postgres.sql("SELECT pg_terminate_backend(" + pid + ", 20000)");
    slow.let_go();
    BOOST_TEST(told(in_time(answer)) == "ok");
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "1");
    BOOST_TEST(told(store->verify_audit()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_commit_that_landed_without_an_answer_is_confirmed_and_not_repeated)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    // A commit is then durable here before it waits for a standby that never comes.
    postgres.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    postgres.sql("SELECT pg_reload_conf()");
    wait_until(postgres, database, "SELECT current_setting('synchronous_standby_names') <> ''");
    auto answer = start_write(*store, {a_sandbox(), an_audit_row()});
    wait_until(postgres,
               database,
               "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    postgres.sql("ALTER SYSTEM RESET synchronous_standby_names");
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    postgres.sql("SELECT pg_reload_conf()");
    BOOST_TEST(told(in_time(answer)) == "ok");
    BOOST_TEST(postgres.sql("SELECT count(*) FROM audit", database) == "1");
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    BOOST_TEST(told(store->verify_audit()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_commit_nobody_can_tell_about_is_a_timeout_and_found_out_later)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto settings = postgres.settings(database);
    settings.write_patience = std::chrono::milliseconds{1500};
    const auto store = open_store(settings);
    SlowCommit slow{postgres, database};
    auto doubtful = start_write(*store, {a_sandbox(), an_audit_row()});
    slow.wait_until_one_hangs();
    auto behind = start_write(*store, {an_audit_row()});
    postgres.stop(SIGQUIT);
    const auto first = in_time(doubtful);
    const auto second = in_time(behind);
    postgres.start();
    BOOST_REQUIRE(!first.has_value());
    BOOST_TEST((first.error().code == ErrorCode::timeout));
    BOOST_REQUIRE(!second.has_value());
    BOOST_TEST((second.error().code == ErrorCode::unavailable));
    wait_until(postgres, database, "SELECT count(*) = 1 FROM (" + writer_pid + ") AS writer");
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    const auto checked = store->verify_audit();
    BOOST_REQUIRE_EQUAL(told(checked), "ok");
    BOOST_TEST(checked->rows == 1U);
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "0");
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_holds_nobody_up_for_ever)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto settings = postgres.settings(database);
    settings.statement_timeout = std::chrono::seconds{2};
    settings.idle_check = std::chrono::hours{1};
    const auto store = open_store(settings);
    const auto pid = std::stoi(postgres.sql(writer_pid, database));
    BOOST_REQUIRE(pid > 1);
    ::kill(pid, SIGSTOP);
    const auto begun = std::chrono::steady_clock::now();
    auto answer = start_write(*store, {a_sandbox(), an_audit_row()});
    // The old backend is asked to end as soon as it can; only then is the lease free.
    wait_until(postgres, database, "SELECT count(*) = 2 FROM (" + writer_pid + ") AS writers");
    BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds{10}));
    ::kill(pid, SIGCONT);
    BOOST_TEST(told(in_time(answer)) == "ok");
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "1");
    BOOST_TEST(told(store->verify_audit()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_writer_that_finds_rows_of_somebody_else_writes_no_more)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    postgres.sql("INSERT INTO audit SELECT 2, at, kind, action, actor, tenant, request_id, "
                 "operation_id, host, target, result, detail, prev_hash, hash, payload FROM audit",
                 database);
    postgres.sql("SELECT pg_terminate_backend(pid) FROM (" + writer_pid + ") AS writer", database);
    const auto result = write(*store, {an_audit_row()});
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::failed_precondition));
    BOOST_TEST(postgres.sql("SELECT count(*) FROM audit", database) == "2");
}

BOOST_AUTO_TEST_CASE(a_writer_whose_lease_another_has_taken_learns_that_it_is_deposed)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto settings = postgres.settings(database);
    settings.write_patience = std::chrono::seconds{2};
    const auto store = open_store(settings);
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    // Another one waits for the lease, and has it as soon as our connection is cut.
    pqxx::connection other{postgres.url(database, "postgres")};
    pqxx::nontransaction sql{other};
    auto taken = std::async(std::launch::async,
                            [&] { sql.exec("SELECT pg_advisory_lock(8097863987517156215)"); });
    wait_until(postgres,
               database,
               "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
    postgres.sql("SELECT pg_terminate_backend(pid) FROM (" + writer_pid + ") AS writer", database);
    taken.get();
    // It holds the lease and has changed nothing: it may yet give it back.
    BOOST_TEST((write(*store, {an_audit_row()}).error().code == ErrorCode::unavailable));
    BOOST_TEST((store->lease().error().code == ErrorCode::unavailable));
    sql.exec("UPDATE leader SET deposed_at = now(); INSERT INTO leader (epoch, audit_seq, "
             "audit_hash) SELECT 2, audit_seq, audit_hash FROM leader");
    const auto result = write(*store, {an_audit_row()});
    BOOST_TEST((result.error().code == ErrorCode::failed_precondition));
    BOOST_TEST((store->lease().error().code == ErrorCode::failed_precondition));
    BOOST_TEST(postgres.sql("SELECT count(*) FROM audit", database) == "1");
}

BOOST_AUTO_TEST_CASE(stopping_during_an_outage_is_bounded)
{
    auto& postgres = Postgres::shared();
    auto settings = postgres.settings(postgres.fresh_database());
    settings.drain_timeout = std::chrono::milliseconds{200};
    auto store = open_store(settings);
    postgres.stop(SIGQUIT);
    auto answer = start_write(*store, {an_audit_row()});
    const auto begun = std::chrono::steady_clock::now();
    store.reset();
    const auto took = std::chrono::steady_clock::now() - begun;
    postgres.start();
    BOOST_TEST((took < std::chrono::seconds{10}));
    BOOST_TEST((in_time(answer).error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
