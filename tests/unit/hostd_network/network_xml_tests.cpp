#include "hostd/network/network_xml.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd::network;
using common::ErrorCode;

namespace {

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(network_xml_tests)

BOOST_AUTO_TEST_CASE(the_nat_network_forwards_and_answers_dns)
{
    const auto xml = network_xml(nat_network, *parse_subnet("10.64.0.0/20"));
    for (const auto* part : {"<name>paddock</name>",
                             "<forward mode='nat'/>",
                             "<bridge name='pdkbr0' stp='off' delay='0'/>",
                             "<ip address='10.64.0.1' netmask='255.255.240.0'>",
                             "<range start='10.64.0.2' end='10.64.15.254'/>",
                             "dhcp-ignore=tag:!known"}) {
        BOOST_TEST_CONTEXT(part)
        {
            BOOST_TEST(contains(xml, part));
        }
    }
    BOOST_TEST(!contains(xml, "enable='no'"));
}

BOOST_AUTO_TEST_CASE(the_isolated_network_neither_forwards_nor_answers_dns)
{
    const auto xml = network_xml(isolated_network, *parse_subnet("10.64.16.0/20"));
    BOOST_TEST(contains(xml, "<name>paddock-isolated</name>"));
    BOOST_TEST(contains(xml, "<dns enable='no'/>"));
    BOOST_TEST(contains(xml, "pdkbr1"));
    BOOST_TEST(!contains(xml, "<forward"));
}

BOOST_AUTO_TEST_CASE(what_we_define_reads_back)
{
    const auto facts = parse_network(network_xml(nat_network, *parse_subnet("10.64.0.0/20")));
    BOOST_REQUIRE(facts);
    BOOST_TEST(facts->bridge == "pdkbr0");
    BOOST_TEST(to_string(facts->subnet) == "10.64.0.0/20");
    BOOST_TEST(facts->hosts.empty());
}

BOOST_AUTO_TEST_CASE(dhcp_entries_are_read_whatever_else_they_say)
{
    const auto facts = parse_network(
        "<network connections='1'><name>paddock</name><bridge name='pdkbr0'/>"
        "<ip family='ipv6' address='fd00::1' prefix='64'/>"
        "<ip address='10.64.0.1' prefix='20'><dhcp><range start='10.64.0.2' end='10.64.0.9'/>"
        "<host mac='52:54:00:AA:BB:01' ip='10.64.0.2'><lease expiry='15'/></host>"
        "<host mac='52:54:00:00:00:02' name='x' ip='10.64.0.3'/></dhcp></ip></network>");
    BOOST_REQUIRE(facts);
    BOOST_REQUIRE_EQUAL(facts->hosts.size(), 2U);
    BOOST_CHECK((facts->hosts[0] == DhcpHost{"52:54:00:aa:bb:01", "10.64.0.2"}));
    BOOST_CHECK((facts->hosts[1] == DhcpHost{"52:54:00:00:00:02", "10.64.0.3"}));
}

BOOST_AUTO_TEST_CASE(a_network_without_ipv4_cannot_be_ours)
{
    BOOST_CHECK(parse_network("<network><name>x</name></network>").error().code ==
                ErrorCode::failed_precondition);
    BOOST_CHECK(parse_network("<network>").error().code == ErrorCode::internal);
}

BOOST_AUTO_TEST_CASE(a_dhcp_entry_is_escaped)
{
    BOOST_TEST(contains(dhcp_host_xml("52:54:00:00:00:01", "10.64.0.2"),
                        "<host mac='52:54:00:00:00:01' ip='10.64.0.2'>"));
    const auto xml = dhcp_host_xml("x'/><a b='", "<&>");
    BOOST_TEST(contains(xml, "mac='x&apos;/&gt;&lt;a b=&apos;' ip='&lt;&amp;&gt;'"));
}

BOOST_AUTO_TEST_SUITE_END()
