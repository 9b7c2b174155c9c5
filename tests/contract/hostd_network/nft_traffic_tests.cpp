#include "common/process/process.hpp"
#include "hostd/network/nft_rules.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

using namespace hostd;
using namespace hostd::network;

namespace {

/// A host with both bridges, three guests and a world beyond, each a network namespace:
///
///   g1 10.64.0.2 ─┐
///   g2 10.64.0.3 ─┴ pdkbr0 10.64.0.1   host  198.51.100.1 ─ world 198.51.100.7 (public)
///   g3 10.64.16.2 ─ pdkbr1 10.64.16.1         10.99.0.1   ─       10.99.0.7 (private)
///
/// The kernel's own traffic against the rules as hostd loads them; libvirt is not needed.
class Net {
public:
    Net()
    {
        for (const auto* space : {"host", "world", "g1", "g2", "g3"}) {
            must(fmt::format("ip netns add {}", name(space)));
            must(fmt::format("ip -n {} link set lo up", name(space)));
        }
        in("host", "ip link add pdkbr0 type bridge");
        in("host", "ip link add pdkbr1 type bridge");
        in("host", "ip addr add 10.64.0.1/20 dev pdkbr0");
        in("host", "ip addr add 10.64.16.1/20 dev pdkbr1");
        in("host", "ip link set pdkbr0 up");
        in("host", "ip link set pdkbr1 up");
        wire("world", "wan", "198.51.100.7/24", "");
        in("world", "ip addr add 10.99.0.7/24 dev eth0");
        in("world", "ip route add default via 198.51.100.1");
        in("host", "ip addr add 198.51.100.1/24 dev wan");
        in("host", "ip addr add 10.99.0.1/24 dev wan");
        guest("g1", leases[0], "10.64.0.1", "pdkbr0");
        guest("g2", leases[1], "10.64.0.1", "pdkbr0");
        guest("g3", leases[2], "10.64.16.1", "pdkbr1");
        in("host", "sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'");
        nft(ruleset(facts, leases));
    }
    ~Net()
    {
        for (const auto* space : {"host", "world", "g1", "g2", "g3"}) {
            static_cast<void>(run(fmt::format("ip netns del {}", name(space))));
        }
    }
    Net(const Net&) = delete;
    Net& operator=(const Net&) = delete;

    void in(std::string_view space, std::string_view command) const
    {
        must(fmt::format("ip netns exec {} {}", name(space), command));
    }
    [[nodiscard]] bool reaches(std::string_view space, std::string_view address) const
    {
        return run(fmt::format(
                   "ip netns exec {} busybox ping -c 1 -W 1 {}", name(space), address)) == 0;
    }
    /// The neighbour table may still hold what failed a moment ago.
    [[nodiscard]] bool comes_to_reach(std::string_view space, std::string_view address) const
    {
        constexpr int tries = 8;
        for (int i = 0; i < tries; ++i) {
            if (reaches(space, address)) {
                return true;
            }
        }
        return false;
    }
    /// Nobody listens: an open way answers at once with a reset, a closed one not at all.
    [[nodiscard]] bool
    tcp_is_open(std::string_view space, std::string_view address, unsigned port) const
    {
        return run(fmt::format("ip netns exec {} timeout 1 bash -c '</dev/tcp/{}/{}'",
                               name(space),
                               address,
                               port)) == 1;
    }
    [[nodiscard]] bool
    comes_to_be_open(std::string_view space, std::string_view address, unsigned port) const
    {
        constexpr int tries = 8;
        for (int i = 0; i < tries; ++i) {
            if (tcp_is_open(space, address, port)) {
                return true;
            }
        }
        return false;
    }
    void nft(const std::string& input) const
    {
        const auto outcome =
            common::process::run({{"ip", "netns", "exec", name("host"), "nft", "-f", "-"}, input});
        BOOST_REQUIRE(outcome);
        BOOST_REQUIRE_MESSAGE(outcome->status == 0, outcome->err);
    }

    const std::vector<NetLease> leases{
        {"paddock", "52:54:00:00:00:01", "10.64.0.2", "pdkaaaaaaaaaaaa"},
        {"paddock", "52:54:00:00:00:02", "10.64.0.3", "pdkbbbbbbbbbbbb"},
        {"paddock-isolated", "52:54:00:00:00:03", "10.64.16.2", "pdkcccccccccccc"}};
    const RuleFacts facts{*parse_address("10.64.0.1"), *parse_address("10.64.16.1"), {}};

private:
    static std::string name(std::string_view space)
    {
        return fmt::format("nftt{}-{}", ::getpid(), space);
    }
    static int run(const std::string& command)
    {
        const auto outcome = common::process::run({{"sh", "-c", command}});
        return outcome ? outcome->status : -1;
    }
    static void must(const std::string& command)
    {
        BOOST_REQUIRE_MESSAGE(run(command) == 0, command);
    }
    void wire(std::string_view space,
              const std::string& host_end,
              const std::string& address,
              const std::string& mac) const
    {
        in("host",
           fmt::format("ip link add {} type veth peer name eth0 netns {}", host_end, name(space)));
        if (!mac.empty()) {
            in(space, "ip link set eth0 address " + mac);
        }
        in(space, fmt::format("ip addr add {} dev eth0", address));
        in(space, "ip link set eth0 up");
        in("host", fmt::format("ip link set {} up", host_end));
    }
    void guest(std::string_view space,
               const NetLease& lease,
               const std::string& gateway,
               const std::string& bridge) const
    {
        wire(space, lease.tap, lease.ip + "/20", lease.mac);
        in("host", fmt::format("ip link set {} master {}", lease.tap, bridge));
        in(space, "ip route add default via " + gateway);
    }
};

bool can_run()
{
    const auto outcome = common::process::run(
        {{"sh", "-c", "[ $(id -u) = 0 ] && command -v nft ip busybox && unshare -n true"}});
    return outcome && outcome->status == 0;
}

/// Exit code 77 is "skipped" to ctest.
struct SkipUnlessRoot {
    SkipUnlessRoot()
    {
        if (!can_run()) {
            std::puts("skipped: needs root, network namespaces, nft, ip and busybox");
            std::fflush(stdout);
            ::_exit(77);
        }
    }
};

} // namespace

BOOST_TEST_GLOBAL_FIXTURE(SkipUnlessRoot);

BOOST_FIXTURE_TEST_SUITE(nft_traffic_tests, Net)

BOOST_AUTO_TEST_CASE(a_guest_reaches_the_world_and_nothing_private)
{
    BOOST_TEST(comes_to_reach("g1", "198.51.100.7"));
    BOOST_TEST(comes_to_reach("g2", "198.51.100.7"));
    BOOST_TEST(!reaches("g1", "10.99.0.7"));
    // A configured network is closed as the private ones are.
    auto closed = facts;
    closed.blocked.push_back(*parse_subnet("198.51.100.0/24"));
    nft(ruleset(closed, leases));
    BOOST_TEST(!reaches("g1", "198.51.100.7"));
}

BOOST_AUTO_TEST_CASE(of_the_host_a_guest_sees_dns_alone)
{
    BOOST_TEST(comes_to_be_open("g1", "10.64.0.1", 53));
    BOOST_TEST(!tcp_is_open("g1", "10.64.0.1", 22));
    for (const auto* address : {"10.64.0.1", "198.51.100.1", "10.99.0.1", "10.64.16.1"}) {
        BOOST_TEST_CONTEXT(address)
        {
            BOOST_TEST(!reaches("g1", address));
        }
    }
    BOOST_TEST(!tcp_is_open("g1", "198.51.100.1", 53));
}

BOOST_AUTO_TEST_CASE(guests_do_not_reach_each_other_and_the_world_not_them)
{
    BOOST_TEST(!reaches("g1", "10.64.0.3"));
    BOOST_TEST(!reaches("g1", "10.64.16.2"));
    BOOST_TEST(!reaches("world", "10.64.0.2"));
    BOOST_TEST(comes_to_reach("g1", "198.51.100.7"));
}

BOOST_AUTO_TEST_CASE(an_isolated_guest_reaches_nobody)
{
    for (const auto* address : {"198.51.100.7", "10.64.16.1", "198.51.100.1", "10.64.0.2"}) {
        BOOST_TEST_CONTEXT(address)
        {
            BOOST_TEST(!reaches("g3", address));
        }
    }
    BOOST_TEST(!tcp_is_open("g3", "10.64.16.1", 53));
}

BOOST_AUTO_TEST_CASE(another_address_than_the_leased_one_sends_nothing)
{
    in("g1", "ip addr add 10.64.0.9/20 dev eth0");
    in("g1", "ip route replace default via 10.64.0.1 src 10.64.0.9");
    BOOST_TEST(!reaches("g1", "198.51.100.7"));
    in("g1", "ip route replace default via 10.64.0.1 src 10.64.0.2");
    BOOST_TEST(comes_to_reach("g1", "198.51.100.7"));
}

BOOST_AUTO_TEST_CASE(another_hardware_address_than_the_leased_one_sends_nothing)
{
    in("g1", "ip link set eth0 address 52:54:00:00:00:02");
    BOOST_TEST(!reaches("g1", "198.51.100.7"));
}

BOOST_AUTO_TEST_CASE(ipv6_ends_at_the_tap)
{
    in("g1", "ip -6 addr add fd00::2/64 dev eth0 nodad");
    in("host", "ip -6 addr add fd00::1/64 dev pdkbr0 nodad");
    BOOST_TEST(!reaches("g1", "fd00::1"));
}

BOOST_AUTO_TEST_CASE(a_released_tap_is_mute_and_a_new_one_speaks_at_once)
{
    nft(remove_lease(leases[0]));
    BOOST_TEST(!reaches("g1", "198.51.100.7"));
    nft(remove_lease(leases[0]));
    nft(add_lease(leases[0]));
    nft(add_lease(leases[0]));
    in("g1", "ip neigh flush all"); // It still waits for the gateway that it could not ask for.
    BOOST_TEST(comes_to_reach("g1", "198.51.100.7"));
}

BOOST_AUTO_TEST_CASE(the_tap_of_an_even_incarnation_is_under_the_same_rules)
{
    auto even = leases[0];
    even.tap = "pdlaaaaaaaaaaaa";
    in("host", "ip link set pdkaaaaaaaaaaaa down");
    in("host", "ip link set pdkaaaaaaaaaaaa name " + even.tap);
    in("host", fmt::format("ip link set {} up", even.tap));
    BOOST_TEST(!reaches("g1", "198.51.100.7"));
    nft(add_lease(even));
    in("g1", "ip neigh flush all");
    BOOST_TEST(comes_to_reach("g1", "198.51.100.7"));
    BOOST_TEST(!reaches("g1", "10.64.0.3"));
    BOOST_TEST(!reaches("g2", "10.64.0.2"));
    nft(remove_lease(leases[0])); // The first is forgotten, and the second speaks on.
    BOOST_TEST(comes_to_reach("g1", "198.51.100.7"));
}

BOOST_AUTO_TEST_SUITE_END()
