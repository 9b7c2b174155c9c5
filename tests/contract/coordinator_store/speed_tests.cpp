#include "tests/contract/coordinator_store/postgres.hpp"
#include "tests/contract/coordinator_store/samples.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <thread>

using namespace tests;

// Disabled: numbers for people. Run with --run_test=speed_tests --log_level=message.
BOOST_AUTO_TEST_SUITE(speed_tests, *boost::unit_test::disabled())

BOOST_AUTO_TEST_CASE(one_small_write_at_a_time)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    std::vector<double> took;
    for (int i = 0; i < 1000; ++i) {
        const auto box = a_sandbox();
        const auto begun = std::chrono::steady_clock::now();
        BOOST_REQUIRE_EQUAL(told(write(*store, {box, an_audit_row()})), "ok");
        took.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
                .count());
    }
    std::sort(took.begin(), took.end());
    BOOST_TEST_MESSAGE("one write: p50 " << took[500] << " ms, p99 " << took[990] << " ms");
}

BOOST_AUTO_TEST_CASE(calls_per_second_of_16_threads)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    constexpr int threads = 16;
    constexpr int each = 500;
    const auto begun = std::chrono::steady_clock::now();
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
        running.emplace_back([&] {
            for (int i = 0; i < each; ++i) {
                if (!write(*store, {a_sandbox(), an_audit_row()})) {
                    std::abort();
                }
            }
        });
    }
    for (auto& thread : running) {
        thread.join();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    BOOST_TEST_MESSAGE(threads * each / took.count() << " calls/s");
}

BOOST_AUTO_TEST_CASE(an_audit_of_200000_rows)
{
    auto& postgres = Postgres::shared();
    const auto store = open_store(postgres.settings(postgres.fresh_database()));
    const auto timed = [](const char* what, auto work) {
        const auto begun = std::chrono::steady_clock::now();
        const auto result = work();
        BOOST_REQUIRE_EQUAL(told(result), "ok");
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - begun;
        BOOST_TEST_MESSAGE(what << ": " << took.count() << " ms");
    };
    timed("written", [&] {
        common::Result<> written;
        for (int i = 0; i < 2000 && written; ++i) {
            std::vector<Change> rows;
            for (int n = 0; n < 100; ++n) {
                auto row = an_audit_row(common::mint<common::SandboxId>().str());
                row.detail = R"({"error":")" + std::string(200, 'x') + R"("})";
                rows.emplace_back(std::move(row));
            }
            written = write(*store, std::move(rows));
        }
        return written;
    });
    timed("verified", [&] { return store->verify_audit(); });
    coordinator::AuditQuery query;
    query.span.tenant = "default";
    timed("newest 100", [&] { return store->audit_page(query); });
    query.total = coordinator::AuditQuery::Total::counted;
    query.result = "none-such";
    timed("50 000 looked at", [&] { return store->audit_page(query); });
    query.target = "sbx-none";
    timed("by an index", [&] { return store->audit_page(query); });
    timed("100 000 counted", [&] { return store->audit_counts(query.span); });
}

BOOST_AUTO_TEST_SUITE_END()
