#include "hostd/link/status_log.hpp"

#include <boost/test/unit_test.hpp>

using hostd::link::StatusLog;

namespace {

hostd::SandboxStatus status_of(const std::string& id, hostd::Phase phase = hostd::Phase::running)
{
    hostd::SandboxStatus status;
    status.spec.id = common::SandboxId{id};
    status.phase = phase;
    return status;
}

} // namespace

BOOST_AUTO_TEST_SUITE(status_log_tests)

BOOST_AUTO_TEST_CASE(statuses_are_numbered_from_one_and_kept_until_acknowledged)
{
    StatusLog log{8};
    BOOST_TEST(log.add(status_of("a")).seq == 1U);
    BOOST_TEST(log.add(status_of("b")).seq == 2U);
    log.acknowledge(1);
    BOOST_REQUIRE(log.unacknowledged().size() == 1U);
    BOOST_TEST(log.unacknowledged().front().seq == 2U);
    log.acknowledge(99); // A number that was never given.
    BOOST_TEST(log.unacknowledged().size() == 1U);
}

BOOST_AUTO_TEST_CASE(over_the_bound_the_latest_of_each_sandbox_stays_in_order)
{
    StatusLog log{4};
    log.add(status_of("a"));
    log.add(status_of("b"));
    log.add(status_of("a", hostd::Phase::stopped));
    log.add(status_of("b", hostd::Phase::error));
    log.add(status_of("c"));
    const auto& kept = log.unacknowledged();
    BOOST_REQUIRE(kept.size() == 3U);
    BOOST_TEST(kept[0].seq == 3U);
    BOOST_CHECK(kept[0].status.phase == hostd::Phase::stopped);
    BOOST_TEST(kept[2].seq == 5U);
}

BOOST_AUTO_TEST_CASE(it_never_grows_beyond_its_bound)
{
    StatusLog log{4};
    for (int i = 0; i < 100; ++i) {
        log.add(status_of("s" + std::to_string(i)));
    }
    BOOST_TEST(log.unacknowledged().size() <= 4U);
    BOOST_TEST(log.unacknowledged().back().seq == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
