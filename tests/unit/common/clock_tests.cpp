#include "common/clock.hpp"

#include <boost/test/unit_test.hpp>

using namespace common;

BOOST_AUTO_TEST_SUITE(clock_tests)

BOOST_AUTO_TEST_CASE(a_time_is_written_in_utc_with_microseconds)
{
    BOOST_TEST(to_rfc3339(from_unix_us(0)) == "1970-01-01T00:00:00.000000Z");
    BOOST_TEST(to_rfc3339(from_unix_us(1'769'903'999'123'456)) == "2026-01-31T23:59:59.123456Z");
    BOOST_TEST(to_rfc3339(from_unix_us(951'782'400'000'001)) == "2000-02-29T00:00:00.000001Z");
}

BOOST_AUTO_TEST_CASE(a_time_before_1970_keeps_a_positive_fraction)
{
    BOOST_TEST(to_rfc3339(from_unix_us(-1)) == "1969-12-31T23:59:59.999999Z");
    BOOST_TEST(to_rfc3339(from_unix_us(-1'000'000)) == "1969-12-31T23:59:59.000000Z");
}

BOOST_AUTO_TEST_CASE(microseconds_come_back)
{
    for (const std::int64_t us :
         {std::int64_t{0}, std::int64_t{-5}, std::int64_t{1'700'000'000'000'001}}) {
        BOOST_TEST(to_unix_us(from_unix_us(us)) == us);
    }
}

BOOST_AUTO_TEST_SUITE_END()
