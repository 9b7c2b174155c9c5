#include "hostd/core/traffic_meter.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using common::Bytes;
using common::SandboxId;
using std::chrono::seconds;
using Ids = std::vector<SandboxId>;

namespace {

const SandboxId a{"sbx-a"};
const SandboxId b{"sbx-b"};

struct MeterFixture {
    /// What is active by a look ten seconds after the last.
    Ids look(const std::vector<Traffic>& now, seconds later = seconds{10})
    {
        return meter.look(now, at += later);
    }
    TrafficMeter meter;
    common::SteadyTime at{};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(traffic_meter_tests, MeterFixture)

BOOST_AUTO_TEST_CASE(who_sends_steadily_is_active_and_who_is_silent_is_not)
{
    BOOST_TEST((look({{a, 1, 5000, Bytes::mib(9)}, {b, 1, 5000, Bytes::mib(9)}}) == Ids{}));
    BOOST_TEST((look({{a, 1, 5100, Bytes::mib(10)}, {b, 1, 5000, Bytes::mib(9)}}) == Ids{a}));
    BOOST_TEST((look({{a, 1, 5200, Bytes::mib(11)}, {b, 1, 5100, Bytes::mib(10)}}) == (Ids{a, b})));
    BOOST_TEST((look({{a, 1, 5200, Bytes::mib(11)}, {b, 1, 5200, Bytes::mib(11)}}) == Ids{b}));
    BOOST_TEST((look({}) == Ids{}));
}

BOOST_AUTO_TEST_CASE(both_bounds_must_be_passed)
{
    struct Case {
        std::uint64_t packets;
        Bytes bytes;
        bool active;
    };
    const Case cases[] = {
        {11, Bytes{2049}, true},
        {10, Bytes::mib(1), false}, // A few large ones: a report that is sent now and then.
        {1000, Bytes{2048}, false},
        {11, Bytes{11 * 98}, false},                    // A ping each second.
        {17, Bytes{10 * 42 + 3 * 342 + 4 * 90}, false}, // ARP, DHCP and NTP, all at once.
        {2, Bytes{132}, false},                         // A keepalive.
    };
    for (const auto& one : cases) {
        TrafficMeter fresh;
        static_cast<void>(fresh.look({{a, 1, 100, Bytes{100}}}, at));
        const auto active =
            fresh.look({{a, 1, 100 + one.packets, Bytes{100} + one.bytes}}, at + seconds{10});
        BOOST_TEST(!active.empty() == one.active, one.packets << " packets, " << one.bytes.count());
    }
}

BOOST_AUTO_TEST_CASE(what_was_sent_in_a_longer_time_is_held_against_that)
{
    static_cast<void>(look({{a, 1, 0, {}}}));
    BOOST_TEST((look({{a, 1, 60, Bytes::kib(12)}}, seconds{60}) == Ids{}));
    BOOST_TEST((look({{a, 1, 121, Bytes::kib(25)}}, seconds{60}) == Ids{a}));
    // A look that comes early allows as much as one in time.
    BOOST_TEST((look({{a, 1, 131, Bytes::kib(99)}}, seconds{1}) == Ids{}));
}

BOOST_AUTO_TEST_CASE(counters_that_begin_anew_are_no_use)
{
    static_cast<void>(look({{a, 1, 1000, Bytes::mib(1)}}));
    BOOST_TEST((look({{a, 1, 500, Bytes::kib(500)}}) == Ids{})); // Its domain was started again.
    BOOST_TEST((look({{a, 1, 600, Bytes::kib(600)}}) == Ids{a}));
    BOOST_TEST((look({{a, 2, 5000, Bytes::mib(5)}}) == Ids{})); // Another incarnation.
    BOOST_TEST((look({}) == Ids{}));                            // Paused: only who runs is told of.
    BOOST_TEST((look({{a, 2, 6000, Bytes::mib(6)}}) == Ids{}));
    BOOST_TEST((look({{a, 2, 7000, Bytes::mib(7)}}) == Ids{a}));
}

BOOST_AUTO_TEST_CASE(of_two_incarnations_each_has_counters_of_its_own)
{
    static_cast<void>(look({{a, 1, 5000, Bytes::mib(5)}, {a, 2, 0, {}}}));
    BOOST_TEST((look({{a, 1, 5000, Bytes::mib(5)}, {a, 2, 1, Bytes{42}}}) == Ids{}));
    BOOST_TEST((look({{a, 1, 6000, Bytes::mib(6)}, {a, 2, 1000, Bytes::mib(1)}}) == Ids{a}));
}

BOOST_AUTO_TEST_SUITE_END()
