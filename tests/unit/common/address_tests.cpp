#include "common/address.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(address_tests)

BOOST_AUTO_TEST_CASE(loopback_is_a_literal_address_that_no_other_machine_reaches)
{
    for (const auto* yes : {"127.0.0.1", "127.255.0.3", "::1", "[::1]", "0:0:0:0:0:0:0:1"}) {
        BOOST_TEST(common::is_loopback(yes), yes);
    }
    for (const auto* no : {"",
                           "0.0.0.0",
                           "128.0.0.1",
                           "10.0.0.1",
                           "127.1",
                           "::",
                           "[::]",
                           "::2",
                           "::ffff:127.0.0.1",
                           "localhost",
                           "127.0.0.1:80",
                           "[::1"}) {
        BOOST_TEST(!common::is_loopback(no), no);
    }
}

BOOST_AUTO_TEST_SUITE_END()
