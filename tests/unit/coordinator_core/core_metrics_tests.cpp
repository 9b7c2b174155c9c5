#include "coordinator/core/counts.hpp"
#include "tests/unit/coordinator_core/core_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace tests;

namespace {

struct MetricsFixture : CoreFixture {
    bool told(const std::string& line)
    {
        return core->metrics().find("\n" + line + "\n") != std::string::npos;
    }
    double value(const std::string& series)
    {
        const auto page = core->metrics();
        const auto at = page.find("\n" + series + " ");
        BOOST_REQUIRE_MESSAGE(at != std::string::npos, series);
        return std::strtod(page.c_str() + at + series.size() + 2, nullptr);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(core_metrics_tests, MetricsFixture)

BOOST_AUTO_TEST_CASE(sandboxes_are_counted_in_the_phase_that_they_are_in)
{
    run_with({"h1"});
    const auto id = running().id;
    static_cast<void>(running());
    BOOST_TEST(told("paddock_sandboxes{phase=\"running\"} 2"));
    BOOST_TEST(told("paddock_host_sandboxes{host=\"h1\"} 2"));
    auto ended = destroy(id);
    answer(expect<DestroyOnHost>(), report(id, Phase::destroyed, 2));
    BOOST_REQUIRE(ended.get());
    BOOST_TEST(told("paddock_sandboxes{phase=\"running\"} 1"));
    BOOST_TEST(told("paddock_sandboxes{phase=\"destroyed\"} 1"));
    BOOST_TEST(told("paddock_sandboxes{phase=\"starting\"} 0"));
    BOOST_TEST(told("paddock_operations_total{operation=\"create\",result=\"done\"} 2"));
    BOOST_TEST(told("paddock_operation_duration_seconds_count{operation=\"destroy\"} 1"));
}

BOOST_AUTO_TEST_CASE(what_creates_came_to_is_told_apart_from_what_was_asked_for_wrongly)
{
    run_with({"h1"});
    static_cast<void>(running(request("box")));
    BOOST_TEST(!create(request("box")).get());
    auto big = request();
    big.memory = Bytes::gib(8);
    BOOST_TEST(!create(big).get());
    BOOST_TEST(told("paddock_creates_total 3"));
    BOOST_TEST(told("paddock_create_results_total{result=\"ok\",reason=\"ok\"} 1"));
    BOOST_TEST(told("paddock_create_results_total{result=\"refused\",reason=\"name_taken\"} 1"));
    BOOST_TEST(told("paddock_create_results_total{result=\"failed\",reason=\"no_capacity\"} 1"));
    BOOST_TEST(told("paddock_placements_total{verdict=\"placed\"} 1"));
    BOOST_TEST(told("paddock_placements_total{verdict=\"no_capacity\"} 1"));
    BOOST_TEST(told("paddock_create_duration_seconds_count 1"));
    BOOST_TEST(told("paddock_link_queue_length 3"));
}

BOOST_AUTO_TEST_CASE(a_boot_is_from_the_start_to_the_hello_by_the_hosts_word)
{
    run_with({"h1"});
    auto made = create();
    const auto sent = expect<CreateOnHost>();
    auto word = report(id_in(sent), Phase::running);
    word.timings_us = {{"start", 500'000}, {"agent", 1'500'000}};
    answer(sent, word);
    BOOST_REQUIRE(made.get());
    BOOST_TEST(told("paddock_boot_duration_seconds_sum 2"));
    BOOST_TEST(told("paddock_boot_duration_seconds_bucket{le=\"1\"} 0"));
    BOOST_TEST(told("paddock_boot_duration_seconds_bucket{le=\"2.5\"} 1"));
}

BOOST_AUTO_TEST_CASE(the_audit_lags_by_the_oldest_write_that_has_not_landed)
{
    run_with({"h1"});
    eventually([&] { return told("paddock_audit_lag_seconds 0"); }, "all to be durable");
    store.hold();
    auto made = create();
    eventually([&] { return store.held() == 1; }, "the intent");
    clock.stand_still(std::chrono::seconds{10});
    BOOST_TEST(value("paddock_audit_lag_seconds") >= 10);
    BOOST_TEST(told("paddock_writes_under_way 1"));
    store.let_go();
    const auto sent = expect<CreateOnHost>();
    answer(sent, report(id_in(sent), Phase::running));
    BOOST_REQUIRE(made.get());
    eventually([&] { return told("paddock_audit_lag_seconds 0"); }, "all to be durable again");
    BOOST_TEST(value("paddock_write_duration_seconds_sum") >= 10);
}

BOOST_AUTO_TEST_CASE(an_outcome_that_is_to_be_written_again_lags_too)
{
    run_with({"h1"});
    const auto id = running().id;
    auto ran = exec(id);
    const auto sent = expect<ExecOnHost>();
    store.fail(ErrorCode::unavailable);
    answer(sent, coordinator::ExecReport{});
    BOOST_TEST(!ran.get());
    clock.stand_still(std::chrono::seconds{10});
    BOOST_TEST(value("paddock_audit_lag_seconds") >= 10);
    BOOST_TEST(value("paddock_unsaved_outcomes") >= 1);
    store.recover();
    eventually([&] { return told("paddock_audit_lag_seconds 0"); }, "the outcome");
    BOOST_TEST(told("paddock_unsaved_outcomes 0"));
}

BOOST_AUTO_TEST_CASE(hosts_have_what_they_are_given_and_what_of_it_is_taken)
{
    run_with({"h1", "h2"});
    static_cast<void>(running());
    const auto page = core->metrics();
    const bool first = page.find("paddock_host_sandboxes{host=\"h1\"} 1\n") != std::string::npos;
    const std::string with = first ? "{host=\"h1\"} " : "{host=\"h2\"} ";
    BOOST_TEST(page.find("\npaddock_host_reserved_memory_bytes" + with + "262144000\n") !=
               std::string::npos);
    BOOST_TEST(page.find("\npaddock_host_reserved_vcpus" + with + "1\n") != std::string::npos);
    BOOST_TEST(page.find("\npaddock_host_up" + with + "1\n") != std::string::npos);
    BOOST_TEST(page.find("\npaddock_host_vcpus" + with + "8\n") != std::string::npos);
    BOOST_TEST(told("paddock_host_messages_total{kind=\"hello\"} 2"));
    BOOST_TEST(told("paddock_host_messages_total{kind=\"inventory\"} 2"));
}

BOOST_AUTO_TEST_CASE(a_core_that_has_ended_is_told_with_what_is_known_without_it)
{
    run_with({"h1"});
    BOOST_TEST(told("paddock_core_up 1"));
    core->stop();
    BOOST_TEST(told("paddock_core_up 0"));
    BOOST_TEST(told("paddock_leader 1"));
}

BOOST_AUTO_TEST_CASE(hosts_that_make_up_reasons_make_no_more_series_than_there_may_be)
{
    coordinator::CoreCounts counts;
    for (int i = 0; i < 1000; ++i) {
        counts.created(common::Error{ErrorCode::unavailable, "no", "reason_" + std::to_string(i)},
                       {});
    }
    BOOST_TEST(counts.create_results.size() == coordinator::CoreCounts::most_reasons + 1);
    BOOST_TEST((counts.create_results.at({"failed", "reason_0"}) == 1));
    BOOST_TEST((counts.create_results.at({"failed", "other"}) ==
                1000 - coordinator::CoreCounts::most_reasons));
}

BOOST_AUTO_TEST_SUITE_END()
