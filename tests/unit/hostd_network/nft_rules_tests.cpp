#include "hostd/network/nft_rules.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using namespace hostd::network;

namespace {

const NetLease lease{"paddock", "52:54:00:0a:0b:0c", "10.64.0.2", "pdkabcdefgh2345"};
const RuleFacts facts{0x0A400001, 0x0A401001, {*parse_subnet("198.51.100.0/24")}};

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(nft_rules_tests)

BOOST_AUTO_TEST_CASE(both_tables_are_replaced_in_one_transaction)
{
    const auto text = ruleset(facts, {});
    BOOST_TEST(text.starts_with("add table inet paddock\ndelete table inet paddock\n"));
    BOOST_TEST(contains(text, "add table bridge paddock\ndelete table bridge paddock\n"));
    BOOST_TEST(!contains(text, "{{"));
}

BOOST_AUTO_TEST_CASE(private_special_and_configured_networks_are_closed)
{
    const auto text = ruleset(facts, {});
    for (const auto* network : {"10.0.0.0/8",
                                "172.16.0.0/12",
                                "192.168.0.0/16",
                                "100.64.0.0/10",
                                "169.254.0.0/16",
                                "127.0.0.0/8",
                                "224.0.0.0/4",
                                "198.51.100.0/24"}) {
        BOOST_TEST_CONTEXT(network)
        {
            BOOST_TEST(contains(text, network));
        }
    }
}

BOOST_AUTO_TEST_CASE(dns_is_open_on_the_nat_bridge_alone)
{
    const auto text = ruleset(facts, {});
    BOOST_TEST(contains(text,
                        "iifname \"pdkbr0\" ip daddr 10.64.0.1 meta l4proto { tcp, udp } th dport "
                        "53 accept"));
    BOOST_TEST(!contains(text, "10.64.16.1 meta l4proto"));
    BOOST_TEST(contains(text, "255.255.255.255, 10.64.16.1 } udp sport 68 udp dport 67 accept"));
}

BOOST_AUTO_TEST_CASE(a_lease_is_bound_to_its_tap)
{
    const auto text = ruleset(facts, {lease});
    BOOST_TEST(contains(text, "{ \"pdkabcdefgh2345\" . 52:54:00:0a:0b:0c }"));
    BOOST_TEST(contains(text, "{ \"pdkabcdefgh2345\" . 52:54:00:0a:0b:0c . 10.64.0.2 }"));
    // An empty `elements = { }` would not parse.
    const auto none = ruleset(facts, {});
    BOOST_TEST(!contains(none.substr(none.find("table bridge paddock {")), "elements"));
}

BOOST_AUTO_TEST_CASE(removing_adds_first_because_deleting_nothing_is_an_error)
{
    const auto text = remove_lease(lease);
    BOOST_TEST(text.find("add element") < text.find("delete element"));
    BOOST_TEST(contains(text, add_lease(lease)));
}

BOOST_AUTO_TEST_CASE(what_is_not_shaped_like_a_lease_never_reaches_the_rules)
{
    BOOST_TEST(is_sound(lease));
    auto even = lease; // The tap of an even incarnation.
    even.tap = "pdlabcdefgh2345";
    BOOST_TEST(is_sound(even));
    const auto with = [](auto change) {
        auto copy = lease;
        change(copy);
        return is_sound(copy);
    };
    for (const auto* tap :
         {"", "pdk", "pdl", "pdmabc", "eth0", "pdkbr0", "pdk\" drop", "pdkabcdefgh23456", "pdkA"}) {
        BOOST_TEST_CONTEXT(tap)
        {
            BOOST_TEST(!with([&](auto& it) { it.tap = tap; }));
        }
    }
    for (const auto* mac :
         {"", "52:54:00:0A:0B:0C", "52:54:00:0a:0b", "52-54-00-0a-0b-0c", "52:54:00:0a:0b:0c:0d"}) {
        BOOST_TEST_CONTEXT(mac)
        {
            BOOST_TEST(!with([&](auto& it) { it.mac = mac; }));
        }
    }
    for (const auto* ip : {"", "10.64.0.2/8", "10.64.0.2 }", "::1"}) {
        BOOST_TEST_CONTEXT(ip)
        {
            BOOST_TEST(!with([&](auto& it) { it.ip = ip; }));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
