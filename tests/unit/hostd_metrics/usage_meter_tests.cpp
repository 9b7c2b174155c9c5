#include "hostd/metrics/usage_meter.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>

using namespace hostd;
using hostd::metrics::UsageMeter;

BOOST_AUTO_TEST_SUITE(usage_meter_tests)

BOOST_AUTO_TEST_CASE(what_was_seen_last_stays_while_libvirt_does_not_answer)
{
    const common::SystemClock clock;
    std::atomic<unsigned> looks{0};
    std::promise<void> third;
    const UsageMeter meter{
        [&]() -> common::Result<std::vector<Usage>> {
            const auto number = ++looks;
            if (number == 1) {
                return std::vector<Usage>{{common::SandboxId{"sbx-1"}, {}}};
            }
            if (number == 3) {
                third.set_value(); // The second is counted by now.
            }
            return common::Error{common::ErrorCode::unavailable, "libvirt is away"};
        },
        clock,
        std::chrono::milliseconds{1}};
    third.get_future().wait();
    const auto seen = meter.seen();
    BOOST_TEST(seen.failures >= 1U);
    BOOST_TEST(seen.at.has_value());
    BOOST_REQUIRE_EQUAL(seen.usages.size(), 1U);
    BOOST_TEST(seen.usages.front().sandbox.str() == "sbx-1");
}

BOOST_AUTO_TEST_SUITE_END()
