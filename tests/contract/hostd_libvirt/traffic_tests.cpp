#include "tests/contract/hostd_libvirt/domains.hpp"

using namespace hostd;
using namespace hostd::libvirt;

namespace {

/// A bridge in the namespaces, and a guest on it that its firmware makes ask for an address until
/// it gets none.
class AskingGuest : public Domains {
public:
    AskingGuest()
    {
        shell("ip link add pdkt-br type bridge && ip link set pdkt-br up && "
              "ip addr add 192.0.2.1/24 dev pdkt-br");
        virsh({"net-create", "/dev/fd/0"},
              "<network><name>pdkt-net</name><forward mode='bridge'/>"
              "<bridge name='pdkt-br'/></network>");
        made = spec();
        made.sandbox.network = NetworkMode::nat;
        made.sandbox.memory = common::Bytes::mib(64);
        made.spec_digest = digest_of(made.sandbox);
        made.net.mac = "52:54:00:00:00:42";
        made.net.tap = "pdkt-tap";
        made.net.network = "pdkt-net";
        must(hypervisor.define(made));
        const auto& id = made.sandbox.id;
        auto xml = virsh({"dumpxml", "--inactive", "--security-info", id.str()});
        const std::string from_disk = "<boot dev='hd'/>";
        BOOST_REQUIRE(xml.find(from_disk) != std::string::npos);
        xml.replace(xml.find(from_disk), from_disk.size(), "<boot dev='network'/>");
        virsh({"define", "/dev/fd/0"}, xml);
        must(hypervisor.start(id));
        await(id, DomainState::running);
    }
    ~AskingGuest()
    {
        shell("virsh -q destroy " + made.sandbox.id.str() +
              "; virsh -q net-destroy pdkt-net; ip link del pdkt-br");
    }
    AskingGuest(const AskingGuest&) = delete;
    AskingGuest& operator=(const AskingGuest&) = delete;

    std::string shell(const std::string& line) const
    {
        return libvirt.inside({"timeout", "25", "bash", "-c", line});
    }
    /// A counter of the tap, as the host sees it: it receives what the guest sends.
    [[nodiscard]] std::uint64_t tap(const std::string& counter) const
    {
        return std::stoull(shell("cat /sys/class/net/pdkt-tap/statistics/" + counter));
    }

    DomainSpec made;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(traffic_tests, AskingGuest)

BOOST_AUTO_TEST_CASE(what_a_guest_sends_is_counted_and_what_it_is_sent_is_not)
{
    shell("until [ $(cat /sys/class/net/pdkt-tap/statistics/rx_packets) -ge 1 ]; do :; done");
    shell("ip neigh add 192.0.2.2 lladdr 52:54:00:00:00:42 dev pdkt-br && "
          "until [ $(cat /sys/class/net/pdkt-tap/statistics/tx_packets) -ge 300 ]; do "
          "echo >/dev/udp/192.0.2.2/9; done");

    const auto packets = tap("rx_packets");
    const auto bytes = tap("rx_bytes");
    const auto sent = must(hypervisor.traffic());
    BOOST_REQUIRE(sent.size() == 1U);
    BOOST_TEST(sent[0].sandbox.str() == made.sandbox.id.str());
    BOOST_TEST(sent[0].incarnation == 1U);
    BOOST_TEST(sent[0].packets >= packets);
    BOOST_TEST(sent[0].packets <= tap("rx_packets"));
    BOOST_TEST(sent[0].packets < 300U);
    BOOST_TEST(sent[0].bytes.count() >= bytes);
    BOOST_TEST(sent[0].bytes.count() <= tap("rx_bytes"));

    const auto used = must(hypervisor.reading(made.sandbox.id));
    BOOST_TEST(used.running);
    BOOST_TEST(used.cpu.count() > 0);
    BOOST_TEST(used.memory.mib() > 10U);
    BOOST_TEST(used.sent.count() >= bytes);
    BOOST_TEST(used.sent.count() <= tap("rx_bytes"));

    must(hypervisor.pause(made.sandbox.id));
    BOOST_TEST(must(hypervisor.traffic()).empty()); // Only who runs.
}

BOOST_AUTO_TEST_SUITE_END()
