#include "hostd/daemon/endpoints.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::daemon;

BOOST_AUTO_TEST_SUITE(endpoints_tests)

BOOST_AUTO_TEST_CASE(the_host_is_what_stands_between_scheme_and_port)
{
    BOOST_TEST(host_of("tcp://10.0.0.1:7420") == "10.0.0.1");
    BOOST_TEST(host_of("tcp://[fd00::1]:7420") == "fd00::1");
    BOOST_TEST(host_of("tcp://coordinator.example:7420") == "coordinator.example");
    for (const auto* text : {"", "tcp://", "10.0.0.1:7420", "ipc:///run/x"}) {
        BOOST_TEST_CONTEXT(text)
        {
            BOOST_TEST(host_of(text).find('.') == std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(addresses_are_taken_ipv6_is_left_and_nonsense_is_named)
{
    std::vector<std::string> unresolved;
    const auto addresses =
        addresses_of({"tcp://198.51.100.9:7420", "tcp://[fd00::1]:7420", "nonsense"}, unresolved);
    BOOST_REQUIRE_EQUAL(addresses.size(), 1U);
    BOOST_TEST(to_string(addresses[0]) == "198.51.100.9/32");
    BOOST_REQUIRE_EQUAL(unresolved.size(), 1U);
    BOOST_TEST(unresolved[0] == "nonsense");
}

BOOST_AUTO_TEST_SUITE_END()
