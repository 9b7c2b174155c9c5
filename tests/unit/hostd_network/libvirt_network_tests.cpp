#include "hostd/network/libvirt_network.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <libvirt/virterror.h>
#include <set>
#include <sstream>

using namespace hostd;
using namespace hostd::network;
using common::ErrorCode;
using common::Result;
using common::SandboxId;
using common::process::Command;
using common::process::Outcome;

namespace {

const SandboxId a{"sbx-aaaaaaaaaaaaaaaa"};
const SandboxId b{"sbx-bbbbbbbbbbbbbbbb"};

/// libvirt's built-in test driver, whose networks are of this process; nft and dnsmasq are
/// recorded. Each case begins without networks of ours.
struct Host {
    std::filesystem::path folder;
    SharedConnection connection;
    std::vector<std::string> loaded; ///< What nft was given.
    unsigned reloads = 0;
    std::optional<common::Error> dnsmasq_down;
    std::vector<int> nft_statuses; ///< Of the next calls; then 0.

    Host()
    {
        virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
        auto pattern = (std::filesystem::temp_directory_path() / "network-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        connection = SharedConnection{virConnectOpen("test:///default"),
                                      [](virConnectPtr it) { virConnectClose(it); }};
        BOOST_REQUIRE(connection);
    }
    ~Host()
    {
        for (const auto* name : {"paddock", "paddock-isolated"}) {
            if (auto network = find_network(connection.get(), name)) {
                virNetworkDestroy(network->get());
                virNetworkUndefine(network->get());
            }
        }
        std::filesystem::remove_all(folder);
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    LibvirtNetwork open(std::string_view cidr = "10.201.0.0/20")
    {
        NetworkSettings settings;
        settings.uri = "test:///default";
        settings.nat_subnet = parse_subnet(cidr);
        settings.dhcp = {folder, folder};
        return LibvirtNetwork{
            settings,
            [this](const Command& command) -> Result<Outcome> {
                loaded.push_back(command.input);
                const int status = nft_statuses.empty() ? 0 : nft_statuses.front();
                if (!nft_statuses.empty()) {
                    nft_statuses.erase(nft_statuses.begin());
                }
                return Outcome{status, "", status == 0 ? "" : "Error: no such thing"};
            },
            [this](const DhcpFolders&, std::string_view, int signal) -> Result<> {
                if (dnsmasq_down) {
                    return *dnsmasq_down;
                }
                reloads += signal == SIGHUP ? 1 : 0;
                return {};
            }};
    }
    [[nodiscard]] std::string hosts(std::string_view network = "paddock") const
    {
        std::ostringstream text;
        text << std::ifstream{hosts_file({folder, folder}, network)}.rdbuf();
        return text.str();
    }
    [[nodiscard]] bool runs(std::string_view name) const
    {
        const auto network = find_network(connection.get(), name);
        return network && virNetworkIsActive(network->get()) == 1;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(libvirt_network_tests, Host)

BOOST_AUTO_TEST_CASE(ensure_makes_both_networks_stand_with_their_rules)
{
    auto network = open();
    BOOST_TEST(network.cidr().empty());
    BOOST_REQUIRE(network.ensure({}));
    BOOST_TEST(network.cidr() == "10.201.0.0/20");
    BOOST_TEST(runs("paddock"));
    BOOST_TEST(runs("paddock-isolated"));
    BOOST_REQUIRE_EQUAL(loaded.size(), 1U);
    BOOST_TEST(loaded[0].find("10.201.0.1") != std::string::npos);
    BOOST_TEST(reloads == 2U);
    BOOST_REQUIRE(network.ensure({}));
    BOOST_TEST(reloads == 2U); // Nothing new for dnsmasq.
    BOOST_REQUIRE(network.allocate(a, NetworkMode::nat));
    BOOST_REQUIRE(network.allocate(b, NetworkMode::nat));
    BOOST_TEST(reloads == 2U);
    BOOST_REQUIRE(network.tell_dhcp());
    BOOST_TEST(reloads == 3U); // Once for both.
    BOOST_REQUIRE(network.tell_dhcp());
    BOOST_TEST(reloads == 3U);
}

BOOST_AUTO_TEST_CASE(before_ensure_nothing_is_given_out_and_none_needs_nothing)
{
    auto network = open();
    BOOST_CHECK(network.allocate(a, NetworkMode::nat).error().code == ErrorCode::unavailable);
    const auto none = network.allocate(a, NetworkMode::none);
    BOOST_REQUIRE(none);
    BOOST_CHECK(*none == NetLease{});
    BOOST_TEST(network.release(*none).has_value());
}

BOOST_AUTO_TEST_CASE(a_sandbox_has_one_lease_however_often_it_asks)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    const auto lease = network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(lease);
    BOOST_TEST(lease->network == "paddock");
    BOOST_TEST(lease->ip == "10.201.0.2");
    BOOST_TEST(lease->tap == "pdkaaaaaaaaaaaa");
    BOOST_TEST(is_sound(*lease));
    BOOST_CHECK(*network.allocate(a, NetworkMode::nat) == *lease);
    BOOST_TEST(hosts() == hosts_text({*lease}));
    BOOST_TEST(loaded.back() == add_lease(*lease));
    const auto isolated = network.allocate(b, NetworkMode::isolated);
    BOOST_REQUIRE(isolated);
    BOOST_TEST(isolated->network == "paddock-isolated");
    BOOST_TEST(hosts("paddock-isolated") == hosts_text({*isolated}));
}

BOOST_AUTO_TEST_CASE(an_address_is_not_used_again_at_once)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    const auto first = network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(network.release(*first));
    BOOST_TEST(loaded.back() == remove_lease(*first));
    BOOST_TEST(hosts().empty());
    BOOST_TEST(network.release(*first).has_value());
    BOOST_TEST(network.allocate(b, NetworkMode::nat)->ip == "10.201.0.3");
}

BOOST_AUTO_TEST_CASE(another_incarnation_has_a_tap_of_its_own_beside_the_first)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    const auto one = *network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(network.tell_dhcp());
    const auto told = reloads;
    const auto two = network.add_tap(one, 2);
    BOOST_REQUIRE(two);
    BOOST_TEST(two->tap == "pdlaaaaaaaaaaaa");
    BOOST_TEST(is_sound(*two));
    BOOST_TEST(two->mac == one.mac);
    BOOST_TEST(two->ip == one.ip);
    BOOST_TEST(loaded.back() == add_lease(*two));
    const auto rules = loaded.size();
    BOOST_CHECK(*network.add_tap(one, 2) == *two); // Again: it is there already.
    BOOST_TEST(loaded.size() == rules);
    BOOST_REQUIRE(network.ensure({one, *two}));
    BOOST_TEST(loaded.back().find(one.tap) != std::string::npos);
    BOOST_TEST(loaded.back().find(two->tap) != std::string::npos);
    BOOST_TEST(hosts() == hosts_text({one})); // Once: dnsmasq knows the guest by its MAC.
    BOOST_TEST(reloads == told);
}

BOOST_AUTO_TEST_CASE(a_tap_that_is_forgotten_leaves_the_lease_to_the_other)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    auto lease = *network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(network.tell_dhcp());
    const auto told = reloads;
    for (std::uint64_t incarnation = 2; incarnation < 6; ++incarnation) {
        const auto next = network.add_tap(lease, incarnation);
        BOOST_REQUIRE(next);
        BOOST_TEST(next->tap != lease.tap);
        BOOST_REQUIRE(network.forget_tap(lease));
        BOOST_TEST(loaded.back() == remove_lease(lease));
        BOOST_REQUIRE(network.forget_tap(lease));
        lease = *next;
        BOOST_TEST(hosts() == hosts_text({lease}));
        BOOST_CHECK(*network.allocate(a, NetworkMode::nat) == lease);
        BOOST_REQUIRE(network.tell_dhcp());
    }
    BOOST_TEST(reloads == told);
    BOOST_TEST(network.allocate(b, NetworkMode::nat)->ip != lease.ip);
    // The swap came to nothing: the new one is forgotten.
    const auto failed = *network.add_tap(lease, 6);
    BOOST_REQUIRE(network.forget_tap(failed));
    BOOST_CHECK(*network.allocate(a, NetworkMode::nat) == lease);
}

BOOST_AUTO_TEST_CASE(releasing_a_lease_takes_both_taps_and_the_address)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    const auto one = *network.allocate(a, NetworkMode::nat);
    const auto two = *network.add_tap(one, 2);
    BOOST_REQUIRE(network.release(two));
    BOOST_TEST(loaded[loaded.size() - 2] == remove_lease(one));
    BOOST_TEST(loaded.back() == remove_lease(two));
    BOOST_TEST(hosts().empty());
    BOOST_TEST(network.allocate(a, NetworkMode::nat)->ip != one.ip);
}

BOOST_AUTO_TEST_CASE(a_tap_is_added_to_a_lease_that_is_held_and_to_no_other)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    const auto lease = *network.allocate(a, NetworkMode::nat);
    auto forged = lease;
    forged.ip = "10.201.0.99";
    BOOST_CHECK(network.add_tap(forged, 2).error().code == ErrorCode::failed_precondition);
    forged = lease;
    forged.tap = "eth0";
    BOOST_CHECK(network.add_tap(forged, 2).error().code == ErrorCode::invalid_argument);
    BOOST_CHECK(*network.add_tap(NetLease{}, 2) == NetLease{}); // Without a network.
    BOOST_TEST(network.forget_tap(NetLease{}).has_value());
    nft_statuses = {1, 1, 1, 1};
    BOOST_TEST(network.add_tap(lease, 2).error().reason == "nft_failed");
    nft_statuses.clear();
    BOOST_REQUIRE(network.ensure({lease}));
    BOOST_TEST(loaded.back().find("pdlaaa") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_full_subnet_says_so_and_goes_round_when_one_is_free)
{
    auto network = open("10.201.0.0/28");
    BOOST_REQUIRE(network.ensure({}));
    std::set<std::string> addresses;
    NetLease third;
    for (char c = 'a'; c < 'a' + 13; ++c) {
        const auto lease =
            network.allocate(SandboxId{"sbx-" + std::string(16, c)}, NetworkMode::nat);
        BOOST_REQUIRE(lease);
        addresses.insert(lease->ip);
        third = c == 'c' ? *lease : third;
    }
    BOOST_TEST(addresses.size() == 13U);
    const SandboxId late{"sbx-zzzzzzzzzzzzzzzz"};
    const auto none = network.allocate(late, NetworkMode::nat);
    BOOST_REQUIRE(!none);
    BOOST_CHECK(none.error().code == ErrorCode::resource_exhausted);
    BOOST_TEST(none.error().reason == "no_addresses");
    BOOST_REQUIRE(network.release(third));
    BOOST_TEST(network.allocate(late, NetworkMode::nat)->ip == third.ip);
}

BOOST_AUTO_TEST_CASE(a_restarted_host_adopts_what_is_in_use_and_drops_the_rest)
{
    NetLease kept;
    {
        auto network = open();
        BOOST_REQUIRE(network.ensure({}));
        kept = *network.allocate(a, NetworkMode::nat);
        BOOST_REQUIRE(network.allocate(b, NetworkMode::nat));
    }
    auto network = open("10.202.0.0/20");
    BOOST_REQUIRE(network.ensure({kept, NetLease{}}));
    BOOST_TEST(network.cidr() == "10.201.0.0/20"); // An existing network keeps its subnet.
    BOOST_TEST(hosts() == hosts_text({kept}));
    BOOST_TEST(loaded.back().find(kept.tap) != std::string::npos);
    BOOST_TEST(loaded.back().find("pdkbbbbbbbbbbbb") == std::string::npos);
    BOOST_CHECK(*network.allocate(a, NetworkMode::nat) == kept);
    BOOST_TEST(network.allocate(b, NetworkMode::nat)->ip != kept.ip);
}

BOOST_AUTO_TEST_CASE(a_lease_that_is_not_ours_gets_no_rules)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({{"paddock", "52:54:00:00:00:01", "10.201.0.2", "pdk\" ; drop"},
                                  {"default", "52:54:00:00:00:02", "10.201.0.3", "pdkcccc"}}));
    BOOST_TEST(loaded.back().find("52:54:00") == std::string::npos);
    BOOST_TEST(hosts().empty());
    BOOST_TEST(network.release({"default", "x", "y", "z"}).has_value());
    BOOST_TEST(network.observed_ip({"default", "x", "y", "z"})->empty());
}

BOOST_AUTO_TEST_CASE(rules_that_were_lost_are_loaded_whole)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    nft_statuses = {1};
    const auto lease = network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(lease);
    BOOST_TEST(loaded.back().starts_with("add table inet paddock"));
    BOOST_TEST(loaded.back().find(lease->tap) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(without_rules_there_is_no_lease)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    nft_statuses = {1, 1, 1, 1};
    const auto lease = network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(!lease);
    BOOST_TEST(lease.error().reason == "nft_failed");
    BOOST_TEST(hosts().empty());
    nft_statuses = {1};
    BOOST_TEST(!network.ensure({}).has_value());
    BOOST_TEST(network.allocate(a, NetworkMode::nat).has_value()); // It stands up again first.
}

BOOST_AUTO_TEST_CASE(a_dnsmasq_that_stays_away_fails_repairs_alone)
{
    auto network = open();
    BOOST_REQUIRE(network.ensure({}));
    const auto old = network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(old);
    for (const auto code : {ErrorCode::not_found, ErrorCode::unavailable}) {
        dnsmasq_down = common::Error{code, "it is gone", "dnsmasq_down"};
        const auto fresh = network.allocate(b, NetworkMode::nat);
        BOOST_REQUIRE(fresh);
        BOOST_TEST(hosts() == hosts_text({*old, *fresh}));
        BOOST_TEST(network.release(*fresh).has_value());
        BOOST_TEST(hosts() == hosts_text({*old}));
        const auto ensured = network.ensure({*old});
        BOOST_REQUIRE(!ensured);
        BOOST_TEST(ensured.error().reason == "dnsmasq_down");
    }
    // What it read before it went is not known to be what it reads when it is back.
    dnsmasq_down.reset();
    const auto before = reloads;
    BOOST_REQUIRE(network.ensure({*old}));
    BOOST_TEST(reloads == before + 2U);
}

BOOST_AUTO_TEST_CASE(after_a_start_without_dnsmasq_leases_come_and_go)
{
    dnsmasq_down = common::Error{ErrorCode::unavailable, "it is gone", "dnsmasq_down"};
    auto network = open();
    BOOST_TEST(!network.ensure({}).has_value());
    BOOST_TEST(network.cidr() == "10.201.0.0/20");
    const auto lease = network.allocate(a, NetworkMode::nat);
    BOOST_REQUIRE(lease);
    BOOST_TEST(network.release(*lease).has_value());
}

BOOST_AUTO_TEST_CASE(a_network_of_somebody_elses_is_left_alone)
{
    const auto* xml = "<network><name>paddock</name><bridge name='virbr7'/>"
                      "<ip address='10.99.0.1' netmask='255.255.255.0'/></network>";
    const NetworkHandle theirs{virNetworkDefineXML(connection.get(), xml)};
    BOOST_REQUIRE(theirs);
    auto network = open();
    const auto ensured = network.ensure({});
    BOOST_REQUIRE(!ensured);
    BOOST_CHECK(ensured.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(ensured.error().reason == "foreign_network");
    BOOST_TEST(ensured.error().message.find("virsh net-undefine paddock") != std::string::npos);
    BOOST_TEST(!runs("paddock"));
    BOOST_TEST(loaded.empty());
}

BOOST_AUTO_TEST_SUITE_END()
