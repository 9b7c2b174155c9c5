#include "hostd/network/subnet.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::network;
using common::ErrorCode;

namespace {

std::string chosen(const std::vector<std::string>& taken)
{
    std::vector<Subnet> subnets;
    for (const auto& text : taken) {
        subnets.push_back(*parse_subnet(text));
    }
    const auto subnet = choose_subnet(subnets);
    return subnet ? to_string(*subnet) : subnet.error().reason;
}

} // namespace

BOOST_AUTO_TEST_SUITE(subnet_tests)

BOOST_AUTO_TEST_CASE(only_a_strict_dotted_quad_is_an_address)
{
    BOOST_TEST(*parse_address("10.64.0.1") == 0x0A400001U);
    BOOST_TEST(to_string(Address{0xC0A87AFF}) == "192.168.122.255");
    for (const auto* text : {"",
                             "1.2.3",
                             "1.2.3.4.5",
                             "1.2.3.256",
                             "01.2.3.4",
                             "1.2.3.4 ",
                             " 1.2.3.4",
                             "1..3.4",
                             "1.2.3.-4",
                             "1.2.3.4; drop",
                             "::1"}) {
        BOOST_TEST_CONTEXT(text)
        {
            BOOST_TEST(!parse_address(text).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_subnet_loses_the_bits_below_its_prefix)
{
    BOOST_TEST(to_string(*parse_subnet("10.64.3.9/20")) == "10.64.0.0/20");
    BOOST_TEST(to_string(*parse_subnet("10.1.2.3")) == "10.1.2.3/32");
    BOOST_TEST(parse_subnet("0.0.0.0/0")->contains(0xFFFFFFFFU));
    for (const auto* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "/8", "10.0.0.0/8/8"}) {
        BOOST_TEST_CONTEXT(text)
        {
            BOOST_TEST(!parse_subnet(text).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(guests_get_what_lies_between_bridge_and_broadcast)
{
    const auto subnet = *parse_subnet("192.168.5.0/28");
    BOOST_TEST(to_string(subnet.gateway()) == "192.168.5.1");
    BOOST_TEST(to_string(subnet.first_guest()) == "192.168.5.2");
    BOOST_TEST(to_string(subnet.last_guest()) == "192.168.5.14");
    BOOST_TEST(to_string(subnet.mask()) == "255.255.255.240");
}

BOOST_AUTO_TEST_CASE(the_first_free_network_is_chosen)
{
    BOOST_TEST(chosen({}) == "10.64.0.0/20");
    BOOST_TEST(chosen({"10.64.0.0/20"}) == "10.64.16.0/20");
    BOOST_TEST(chosen({"10.64.5.1/32", "10.64.16.0/24"}) == "10.64.32.0/20");
    BOOST_TEST(chosen({"10.0.0.0/8"}) == "172.16.0.0/20");
    BOOST_TEST(chosen({"10.0.0.0/8", "172.16.0.0/12"}) == "192.168.0.0/20");
    BOOST_TEST(chosen({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}) == "no_free_subnet");
}

BOOST_AUTO_TEST_CASE(a_default_route_in_two_halves_takes_nothing)
{
    BOOST_TEST(chosen({"0.0.0.0/1", "128.0.0.0/1"}) == "10.64.0.0/20");
}

BOOST_AUTO_TEST_CASE(a_configured_network_is_private_and_of_a_sensible_size)
{
    BOOST_TEST(to_string(*parse_guest_subnet("10.200.0.0/20")) == "10.200.0.0/20");
    BOOST_TEST(to_string(*parse_guest_subnet("192.168.50.0/28")) == "192.168.50.0/28");
    for (const auto* text : {"8.8.8.0/24",
                             "10.0.0.0/8",
                             "10.0.0.0/30",
                             "172.32.0.0/20",
                             "lan",
                             "169.254.0.0/16",
                             ""}) {
        BOOST_TEST_CONTEXT(text)
        {
            const auto subnet = parse_guest_subnet(text);
            BOOST_REQUIRE(!subnet);
            BOOST_CHECK(subnet.error().code == ErrorCode::invalid_argument);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
