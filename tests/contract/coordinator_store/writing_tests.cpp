#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <boost/test/unit_test.hpp>
#include <pqxx/pqxx>
#include <thread>

using namespace tests;
using common::ErrorCode;

namespace {

/// A value that no bigint holds: PostgreSQL refuses the row.
coordinator::Sandbox a_poisonous_sandbox()
{
    auto box = a_sandbox();
    box.generation = std::numeric_limits<std::uint64_t>::max();
    return box;
}

} // namespace

BOOST_AUTO_TEST_SUITE(writing_tests)

BOOST_AUTO_TEST_CASE(writes_of_many_threads_share_commits_and_make_one_chain)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    constexpr int threads = 4;
    constexpr int each = 250;
    std::vector<std::future<common::Result<>>> answers[threads];
    std::vector<std::thread> running;
    for (auto& mine : answers) {
        running.emplace_back([&] {
            for (int i = 0; i < each; ++i) {
                const auto box = a_sandbox();
                mine.push_back(start_write(*store, {an_audit_row(box.id.str()), box}));
            }
        });
    }
    for (auto& thread : running) {
        thread.join();
    }
    for (auto& mine : answers) {
        for (auto& answer : mine) {
            BOOST_REQUIRE_EQUAL(told(in_time(answer)), "ok");
        }
    }
    const auto checked = store->verify_audit();
    BOOST_REQUIRE_EQUAL(told(checked), "ok");
    BOOST_TEST(checked->rows == std::size_t{threads * each});
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "1000");
    const auto commits = std::stoi(postgres.sql("SELECT max(batch) FROM leader", database));
    BOOST_TEST_MESSAGE("1000 calls in " << commits << " commits");
    BOOST_TEST(commits < 1000);
}

BOOST_AUTO_TEST_CASE(of_many_rows_of_one_transaction_each_is_written_as_it_was_last)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    auto plain = a_sandbox();
    auto full = a_sandbox();
    full.ttl = std::chrono::seconds{60};
    full.expires_at = at(5);
    full.labels = {{"team", hostile()}};
    full.files.roots = {"/home/sandbox", hostile()};
    coordinator::Operation operation;
    operation.id = common::mint<common::OperationId>();
    operation.sandbox = plain.id;
    operation.kind = "stop";
    operation.status = "running";
    operation.created_at = at(2);
    std::vector<Change> changes{plain, full, operation};
    plain.error = hostile();
    plain.phase = coordinator::Phase::stopped;
    operation.generation = 7;
    changes.insert(changes.end(), {Change{plain}, Change{operation}});
    {
        const auto store = open_store(settings);
        BOOST_TEST(told(write(*store, std::move(changes))) == "ok");
    }
    const auto snapshot = load(settings);
    BOOST_REQUIRE_EQUAL(snapshot.sandboxes.size(), 2U);
    const auto& first =
        snapshot.sandboxes[0].id == plain.id ? snapshot.sandboxes[0] : snapshot.sandboxes[1];
    const auto& second =
        snapshot.sandboxes[0].id == plain.id ? snapshot.sandboxes[1] : snapshot.sandboxes[0];
    BOOST_CHECK(first.phase == coordinator::Phase::stopped);
    BOOST_TEST(first.error == hostile());
    BOOST_TEST(!first.ttl.has_value());
    BOOST_TEST(!first.expires_at.has_value());
    BOOST_CHECK(second.ttl == std::chrono::seconds{60});
    BOOST_CHECK(second.expires_at == at(5));
    BOOST_CHECK(second.labels == full.labels);
    BOOST_CHECK(second.files.roots == full.files.roots);
    BOOST_REQUIRE_EQUAL(snapshot.unfinished.size(), 1U);
    BOOST_TEST(snapshot.unfinished[0].generation == 7U);
    BOOST_TEST(!snapshot.unfinished[0].ended_at.has_value());
}

BOOST_AUTO_TEST_CASE(answers_come_in_the_order_of_the_calls)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    std::vector<int> order;
    std::promise<void> all;
    for (int i = 0; i < 600; ++i) {
        store->write({an_audit_row()}, [&, i](auto) {
            order.push_back(i);
            if (i == 599) {
                all.set_value();
            }
        });
    }
    BOOST_REQUIRE(
        (all.get_future().wait_for(std::chrono::seconds{60}) == std::future_status::ready));
    BOOST_TEST(std::is_sorted(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE(a_row_that_the_database_refuses_harms_only_its_own_call)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    std::vector<std::future<common::Result<>>> answers;
    for (int i = 0; i < 30; ++i) {
        const auto box = i == 7 ? a_poisonous_sandbox() : a_sandbox();
        answers.push_back(start_write(*store, {an_audit_row(box.id.str()), box}));
    }
    for (int i = 0; i < 30; ++i) {
        const auto result = in_time(answers[static_cast<std::size_t>(i)]);
        BOOST_TEST(result.has_value() == (i != 7));
        if (!result) {
            BOOST_TEST((result.error().code == ErrorCode::invalid_argument));
        }
    }
    const auto checked = store->verify_audit();
    BOOST_REQUIRE_EQUAL(told(checked), "ok");
    BOOST_TEST(checked->rows == 29U);
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "29");
    BOOST_TEST(told(store->check()) == "ok");
}

BOOST_AUTO_TEST_CASE(a_key_too_long_for_an_index_harms_only_its_own_call)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    auto box = a_sandbox();
    std::string incompressible;
    while (incompressible.size() < 20000) {
        incompressible += common::random_base32_80();
    }
    box.id = common::SandboxId{incompressible};
    const auto result = write(*store, {box});
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(told(write(*store, {a_sandbox()})) == "ok");
}

BOOST_AUTO_TEST_CASE(over_the_bound_a_write_is_refused_at_once)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    auto settings = postgres.settings(database);
    settings.queue_calls = 3;
    settings.batch_calls = 1;
    auto store = PgStore::open(settings);
    BOOST_REQUIRE_EQUAL(told(store), "ok");
    std::vector<std::future<common::Result<>>> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.push_back(start_write(**store, {an_audit_row()}));
    }
    auto refused = start_write(**store, {an_audit_row()});
    BOOST_REQUIRE((refused.wait_for(std::chrono::seconds{0}) == std::future_status::ready));
    BOOST_TEST((refused.get().error().code == ErrorCode::rate_limited));
    BOOST_REQUIRE_EQUAL(told((*store)->load()), "ok"); // The writer begins.
    for (auto& answer : waiting) {
        BOOST_TEST(told(in_time(answer)) == "ok");
    }
}

BOOST_AUTO_TEST_CASE(stopping_writes_what_waits_and_refuses_the_rest)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    std::vector<std::future<common::Result<>>> waiting;
    for (int i = 0; i < 100; ++i) {
        waiting.push_back(start_write(*store, {an_audit_row()}));
    }
    store->stop();
    for (auto& answer : waiting) {
        BOOST_TEST(told(in_time(answer)) == "ok");
    }
    const auto late = write(*store, {an_audit_row()});
    BOOST_REQUIRE(!late.has_value());
    BOOST_TEST((late.error().code == ErrorCode::unavailable));
    BOOST_TEST(postgres.sql("SELECT count(*) FROM audit", database) == "100");
    BOOST_TEST(told(PgStore::open(postgres.settings(database))) == "ok"); // The lease is free.
}

BOOST_AUTO_TEST_CASE(what_waits_when_a_store_ends_that_never_loaded_is_unavailable)
{
    auto& postgres = Postgres::shared();
    std::future<common::Result<>> answer;
    {
        auto store = PgStore::open(postgres.settings(postgres.fresh_database()));
        BOOST_REQUIRE_EQUAL(told(store), "ok");
        answer = start_write(**store, {an_audit_row()});
    }
    BOOST_TEST((in_time(answer).error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(a_second_coordinator_does_not_get_the_lease)
{
    auto& postgres = Postgres::shared();
    auto settings = postgres.settings(postgres.fresh_database());
    const auto first = open_store(settings);
    settings.lease_patience = std::chrono::milliseconds{50};
    const auto second = PgStore::open(settings);
    BOOST_REQUIRE(!second.has_value());
    BOOST_TEST((second.error().code == ErrorCode::failed_precondition));
    BOOST_TEST(second.error().message.find("another coordinator holds the lease") !=
               std::string::npos);
    BOOST_TEST(told(write(*first, {an_audit_row()})) == "ok");
}

BOOST_AUTO_TEST_CASE(a_waiting_coordinator_gets_the_lease_when_the_first_ends)
{
    auto& postgres = Postgres::shared();
    const auto settings = postgres.settings(postgres.fresh_database());
    auto first = open_store(settings);
    auto second = std::async(std::launch::async, [&] { return told(PgStore::open(settings)); });
    first.reset();
    BOOST_TEST(second.get() == "ok");
}

BOOST_AUTO_TEST_CASE(a_deposed_writer_writes_no_more)
{
    auto& postgres = Postgres::shared();
    const auto database = postgres.fresh_database();
    const auto store = open_store(postgres.settings(database));
    BOOST_TEST(told(write(*store, {an_audit_row()})) == "ok");
    postgres.sql("UPDATE leader SET deposed_at = now(); INSERT INTO leader (epoch, audit_seq, "
                 "audit_hash) SELECT 2, audit_seq, audit_hash FROM leader",
                 database);
    for (int i = 0; i < 2; ++i) {
        const auto result = write(*store, {an_audit_row(), a_sandbox()});
        BOOST_REQUIRE(!result.has_value());
        BOOST_TEST((result.error().code == ErrorCode::failed_precondition));
    }
    BOOST_TEST((store->lease().error().code == ErrorCode::failed_precondition));
    BOOST_TEST(postgres.sql("SELECT count(*) FROM audit", database) == "1");
    BOOST_TEST(postgres.sql("SELECT count(*) FROM sandboxes", database) == "0");
}

BOOST_AUTO_TEST_SUITE_END()
