#include "hostd/network/libvirt_network.hpp"
#include "hostd/network/own_networks.hpp"
#include "hostd/virt/event_loop.hpp"
#include "tests/contract/hostd_network/private_host.hpp"

using namespace hostd::network;
using tests::must;
using tests::must_run;

namespace {

/// Without networks, whatever other tests have left.
struct NewHost {
    NewHost()
    {
        for (const std::string name : {"paddock", "paddock-isolated"}) {
            must_run({"sh",
                      "-c",
                      "virsh net-destroy " + name + "; virsh net-undefine " + name + "; true"});
        }
    }
    static auto foresee() { return foresee_networks(tests::PrivateHost::uri, subnet()); }
    static Subnet subnet() { return parse_subnet("10.201.0.0/20").value(); }

    const hostd::virt::EventLoop loop;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(foreseen_tests, NewHost)

BOOST_AUTO_TEST_CASE(networks_become_what_is_foreseen_and_foreseeing_makes_none)
{
    const auto before = must(foresee());
    BOOST_REQUIRE(before.size() == 2U);
    BOOST_TEST(to_string(before.front().subnet) == "10.201.0.0/20");
    BOOST_TEST(!before.front().exists);
    BOOST_TEST(!must(foresee()).back().exists);
    LibvirtNetwork network{{tests::PrivateHost::uri, subnet(), {}, {}}};
    must(network.ensure({}));
    const auto after = must(foresee());
    for (std::size_t i = 0; i < after.size(); ++i) {
        BOOST_TEST(after[i].runs);
        BOOST_TEST(to_string(after[i].subnet) == to_string(before[i].subnet));
    }
    must_run({"virsh", "net-destroy", "paddock"});
    BOOST_TEST(must(foresee()).front().exists);
    BOOST_TEST(!must(foresee()).front().runs);
}

BOOST_AUTO_TEST_CASE(what_is_in_the_way_is_told)
{
    must_run({"ip", "link", "add", "pdkbr1", "type", "bridge"});
    BOOST_TEST(foresee().error().reason == "bridge_taken");
    must_run({"ip", "link", "delete", "pdkbr1"});
    must_run({"ip", "link", "add", "other0", "type", "bridge"});
    must_run({"ip", "address", "add", "10.201.3.1/24", "dev", "other0"});
    BOOST_TEST(foresee().error().reason == "network_cidr_taken");
    must_run({"ip", "link", "delete", "other0"});
    BOOST_TEST(foresee().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
