#include "common/bytes.hpp"

#include <boost/test/unit_test.hpp>

using common::Bytes;

BOOST_AUTO_TEST_SUITE(bytes_tests)

BOOST_AUTO_TEST_CASE(units_are_powers_of_1024_and_round_down)
{
    BOOST_TEST(Bytes::kib(1).count() == 1024U);
    BOOST_TEST(Bytes::mib(3).count() == 3U * 1024 * 1024);
    BOOST_TEST(Bytes::gib(2).mib() == 2048U);
    BOOST_TEST(Bytes{Bytes::mib(1).count() - 1}.mib() == 0U);
    BOOST_TEST(Bytes{1025}.kib() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_left_is_never_below_zero)
{
    BOOST_TEST((Bytes{3} - Bytes{5}).count() == 0U);
    BOOST_TEST((Bytes{5} - Bytes{3}).count() == 2U);
    Bytes left{4};
    left -= Bytes{9};
    BOOST_TEST(left.count() == 0U);
    left += Bytes{7};
    BOOST_TEST(left.count() == 7U);
    BOOST_TEST((Bytes{1} < Bytes{2}));
}

BOOST_AUTO_TEST_SUITE_END()
