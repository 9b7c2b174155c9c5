#include "hostd/network/libvirt_network.hpp"
#include "hostd/virt/event_loop.hpp"
#include "tests/contract/hostd_network/private_host.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>

using namespace hostd;
using namespace hostd::network;
using common::SandboxId;
using tests::dnsmasq_pid;
using tests::end_process;
using tests::Guest;
using tests::must;
using tests::must_run;
using tests::PrivateHost;

namespace {

const SandboxId a{"sbx-aaaaaaaaaaaaaaaa"};
const SandboxId b{"sbx-bbbbbbbbbbbbbbbb"};

struct Host {
    const virt::EventLoop loop;
    LibvirtNetwork network{{PrivateHost::uri, parse_subnet("10.201.0.0/20"), {}, {}}};

    Host() { must(network.ensure({})); }
};

/// No dnsmasq can be started while this lives.
struct NoDnsmasq {
    NoDnsmasq() { must_run({"mount", "--bind", "/bin/false", path()}); }
    ~NoDnsmasq() { static_cast<void>(common::process::run({{"umount", path()}})); }
    NoDnsmasq(const NoDnsmasq&) = delete;
    NoDnsmasq& operator=(const NoDnsmasq&) = delete;

    static std::string path()
    {
        auto path = must_run({"sh", "-c", "command -v dnsmasq"});
        path.erase(std::ranges::find(path, '\n'), path.end());
        return path;
    }
};

std::string rules_of_the_firewall()
{
    // Without what they have counted.
    return must_run({"sh", "-c", "iptables-save | grep -v '^[#:]'"});
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(dnsmasq_tests, Host)

BOOST_AUTO_TEST_CASE(a_repair_starts_a_dnsmasq_that_died_and_leaves_guests_on_their_bridge)
{
    for (const auto& own : {nat_network, isolated_network}) {
        const auto lease = must(network.allocate(own.mode == NetworkMode::nat ? a : b, own.mode));
        must(network.tell_dhcp());
        const Guest guest{lease, own.bridge};
        BOOST_TEST(guest.ask_for_address() == lease.ip);
        for (const int signal : {SIGKILL, SIGTERM}) {
            BOOST_TEST_CONTEXT(own.name << " " << signal)
            {
                const auto rules = rules_of_the_firewall();
                end_process(dnsmasq_pid(own.name), signal);
                must(network.ensure({lease}));
                BOOST_TEST(signal_dnsmasq({}, own.name, 0).has_value());
                BOOST_TEST(guest.is_on_its_bridge());
                BOOST_TEST(guest.ask_for_address() == lease.ip);
                BOOST_TEST(rules_of_the_firewall() == rules);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(without_dnsmasq_leases_come_and_go_and_have_it_started)
{
    for (const auto& own : {nat_network, isolated_network}) {
        BOOST_TEST_CONTEXT(own.name)
        {
            const auto old = must(network.allocate(a, own.mode));
            end_process(dnsmasq_pid(own.name), SIGKILL);
            const auto begun = std::chrono::steady_clock::now();
            const auto fresh = must(network.allocate(b, own.mode));
            must(network.release(old));
            must(network.tell_dhcp());
            BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds{10}));
            {
                const Guest guest{fresh, own.bridge};
                BOOST_TEST(guest.ask_for_address() == fresh.ip);
            }
            end_process(dnsmasq_pid(own.name), SIGKILL);
            must(network.release(fresh));
            must(network.tell_dhcp());
            BOOST_TEST(signal_dnsmasq({}, own.name, 0).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_dnsmasq_that_cannot_start_stops_no_lease_and_serves_them_when_it_can)
{
    const auto old = must(network.allocate(a, NetworkMode::nat));
    NetLease fresh;
    {
        const NoDnsmasq none;
        end_process(dnsmasq_pid("paddock"), SIGKILL);
        fresh = must(network.allocate(b, NetworkMode::nat));
        must(network.release(old));
        BOOST_TEST(!network.tell_dhcp());
        const auto ensured = network.ensure({fresh});
        BOOST_REQUIRE(!ensured);
        BOOST_TEST_MESSAGE(ensured.error().message);
        BOOST_TEST(ensured.error().message.find("dnsmasq of network paddock") != std::string::npos);
    }
    must(network.ensure({fresh}));
    const Guest guest{fresh, nat_network.bridge};
    BOOST_TEST(guest.ask_for_address() == fresh.ip);
}

BOOST_AUTO_TEST_CASE(what_an_interrupted_repair_left_is_taken_away_by_the_next)
{
    const auto left = "<host ip='10.201.0.1'><hostname>gateway.invalid</hostname></host>";
    must_run({"virsh", "net-update", "paddock", "add", "dns-host", left, "--live"});
    end_process(dnsmasq_pid("paddock"), SIGKILL);
    must(network.ensure({}));
    BOOST_TEST(signal_dnsmasq({}, "paddock", 0).has_value());
    const auto xml = must_run({"virsh", "net-dumpxml", "paddock"});
    BOOST_TEST(xml.find("gateway.invalid") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
