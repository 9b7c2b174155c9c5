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
    const auto xml = network_xml(nat_network, *parse_subnet("10.64.0.0/20"), "/var/h");
    for (const auto* part : {"<name>paddock</name>",
                             "<forward mode='nat'/>",
                             "<bridge name='pdkbr0' stp='off' delay='0'/>",
                             "<ip address='10.64.0.1' netmask='255.255.240.0'>",
                             "<range start='10.64.0.2' end='10.64.15.254'/>",
                             "dhcp-ignore=tag:!known",
                             "value='dhcp-hostsfile=/var/h'"}) {
        BOOST_TEST_CONTEXT(part)
        {
            BOOST_TEST(contains(xml, part));
        }
    }
    BOOST_TEST(!contains(xml, "enable='no'"));
}

BOOST_AUTO_TEST_CASE(the_isolated_network_neither_forwards_nor_answers_dns)
{
    const auto xml = network_xml(isolated_network, *parse_subnet("10.64.16.0/20"), "/a'<&>b");
    BOOST_TEST(contains(xml, "<name>paddock-isolated</name>"));
    BOOST_TEST(contains(xml, "<dns enable='no'/>"));
    BOOST_TEST(contains(xml, "pdkbr1"));
    BOOST_TEST(!contains(xml, "<forward"));
    BOOST_TEST(contains(xml, "/a&apos;&lt;&amp;&gt;b"));
}

BOOST_AUTO_TEST_CASE(what_we_define_reads_back)
{
    const auto facts =
        parse_network(network_xml(nat_network, *parse_subnet("10.64.0.0/20"), "/var/h"));
    BOOST_REQUIRE(facts);
    BOOST_TEST(facts->bridge == "pdkbr0");
    BOOST_TEST(to_string(facts->subnet) == "10.64.0.0/20");
}

BOOST_AUTO_TEST_CASE(the_ipv4_network_is_read_whatever_else_there_is)
{
    const auto facts =
        parse_network("<network connections='1'><name>paddock</name><bridge name='pdkbr0'/>"
                      "<ip family='ipv6' address='fd00::1' prefix='64'/>"
                      "<ip address='10.64.0.1' prefix='20'><dhcp/></ip></network>");
    BOOST_REQUIRE(facts);
    BOOST_TEST(to_string(facts->subnet) == "10.64.0.0/20");
}

BOOST_AUTO_TEST_CASE(a_network_without_ipv4_cannot_be_ours)
{
    BOOST_CHECK(parse_network("<network><name>x</name></network>").error().code ==
                ErrorCode::failed_precondition);
    BOOST_CHECK(parse_network("<network>").error().code == ErrorCode::internal);
}

BOOST_AUTO_TEST_SUITE_END()
