#include "common/rfc3339.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(rfc3339_tests)

BOOST_AUTO_TEST_CASE(a_time_is_read_with_any_offset_and_fraction)
{
    const auto us = [](const char* text) {
        const auto time = common::from_rfc3339(text);
        BOOST_REQUIRE_MESSAGE(time, text);
        return common::to_unix_us(*time);
    };
    constexpr std::int64_t noon = 1'769'860'800'000'000; // 2026-01-31T12:00:00Z, by date(1).
    BOOST_TEST(us("2026-01-31T12:00:00Z") == noon);
    BOOST_TEST(us("2026-01-31t12:00:00z") == noon);
    BOOST_TEST(us("2026-01-31T13:30:00+01:30") == noon);
    BOOST_TEST(us("2026-01-31T04:00:00-08:00") == noon);
    BOOST_TEST(us("2026-01-31T12:00:00.5Z") == noon + 500'000);
    BOOST_TEST(us("2026-01-31T12:00:00.1234567+00:00") == noon + 123'456);
    BOOST_TEST(us("2026-01-31T11:59:60Z") == noon);
    BOOST_TEST(us("1970-01-01T00:00:00Z") == 0);
    BOOST_TEST(us("2024-02-29T00:00:00Z") == 1'709'164'800'000'000);
}

BOOST_AUTO_TEST_CASE(what_we_write_is_read_as_it_was)
{
    for (const std::int64_t us : {0LL, 1LL, 1'790'000'000'123'456LL, 7'000'000'000'999'999LL}) {
        const auto time = common::from_unix_us(us);
        BOOST_TEST((common::from_rfc3339(common::to_rfc3339(time)) == time), us);
    }
}

BOOST_AUTO_TEST_CASE(anything_else_is_no_time)
{
    for (const char* wrong : {"",
                              "yesterday",
                              "2026-01-31",
                              "2026-01-31T12:00:00",
                              "2026-01-31 12:00:00Z",
                              "2026-01-31T12:00:00.Z",
                              "2026-01-31T12:00:00Zx",
                              "2026-01-31T12:00:00+1:00",
                              "2026-01-31T12:00:00+0100",
                              "2026-01-31T12:00:00+24:00",
                              "2026-01-31T24:00:00Z",
                              "2026-01-31T12:60:00Z",
                              "2026-13-31T12:00:00Z",
                              "2026-02-30T12:00:00Z",
                              "2026-00-10T12:00:00Z",
                              "202a-01-31T12:00:00Z",
                              "-026-01-31T12:00:00Z",
                              "1969-12-31T23:59:59Z",
                              "9999-12-31T23:59:59Z"}) {
        BOOST_TEST(!common::from_rfc3339(wrong).has_value(), wrong);
    }
}

BOOST_AUTO_TEST_SUITE_END()
