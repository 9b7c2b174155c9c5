#include "hostd/network/host_routes.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::network;

namespace {

std::vector<std::string> texts(const std::vector<Subnet>& subnets)
{
    std::vector<std::string> result;
    for (const auto& subnet : subnets) {
        result.push_back(to_string(subnet));
    }
    return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(host_routes_tests)

BOOST_AUTO_TEST_CASE(routes_are_taken_but_for_the_default_and_our_own_bridges)
{
    const auto routes = parse_routes(R"([
        {"dst":"default","gateway":"10.77.0.1","dev":"eth0","flags":[]},
        {"dst":"10.77.0.0/24","dev":"eth0","scope":"link"},
        {"dst":"10.64.0.0/20","dev":"pdkbr0","scope":"link"},
        {"type":"local","dst":"10.77.0.11","dev":"eth0","table":"local"},
        {"type":"unreachable","dst":"172.20.0.0/16"}])");
    BOOST_REQUIRE(routes);
    const std::vector<std::string> expected{"10.77.0.0/24", "10.77.0.11/32", "172.20.0.0/16"};
    BOOST_TEST(texts(*routes) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(own_networks_come_from_addresses)
{
    const auto own =
        parse_own(R"([{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8}]},
        {"ifname":"pdkbr0","addr_info":[{"local":"10.64.0.1","prefixlen":20}]},
        {"ifname":"eth1"},
        {"ifname":"eth0","addr_info":[{"local":"10.77.0.11","prefixlen":24}]}, {}])");
    BOOST_REQUIRE(own);
    const std::vector<std::string> expected{"127.0.0.0/8", "10.77.0.0/24"};
    BOOST_TEST(texts(*own) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_no_json_array_is_an_error)
{
    BOOST_TEST(!parse_routes("").has_value());
    BOOST_TEST(!parse_routes("{}").has_value());
    BOOST_TEST(!parse_own("[").has_value());
    BOOST_TEST(parse_routes("[1, null, {\"dst\": 7}]").has_value());
}

BOOST_AUTO_TEST_CASE(arp_must_agree_on_address_hardware_and_bridge)
{
    constexpr auto table =
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.64.0.2        0x1         0x2         52:54:00:00:00:02     *        pdkbr0\n"
        "10.64.0.3        0x1         0x0         52:54:00:00:00:03     *        pdkbr0\n"
        "10.64.0.4        0x1         0x2         52:54:00:00:00:04     *        eth0\n";
    BOOST_TEST(arp_knows(table, "10.64.0.2", "52:54:00:00:00:02", "pdkbr0"));
    BOOST_TEST(!arp_knows(table, "10.64.0.2", "52:54:00:00:00:09", "pdkbr0"));
    BOOST_TEST(!arp_knows(table, "10.64.0.3", "52:54:00:00:00:03", "pdkbr0"));
    BOOST_TEST(!arp_knows(table, "10.64.0.4", "52:54:00:00:00:04", "pdkbr0"));
    BOOST_TEST(!arp_knows("", "10.64.0.2", "52:54:00:00:00:02", "pdkbr0"));
}

BOOST_AUTO_TEST_SUITE_END()
