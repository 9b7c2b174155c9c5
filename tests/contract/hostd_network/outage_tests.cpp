#include "hostd/network/libvirt_network.hpp"
#include "hostd/virt/event_loop.hpp"
#include "tests/contract/hostd_network/private_host.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <thread>

using namespace hostd;
using namespace hostd::network;
using common::SandboxId;
using tests::FrozenLibvirtd;
using tests::must;
using Clock = std::chrono::steady_clock;

namespace {

const SandboxId a{"sbx-aaaaaaaaaaaaaaaa"};
const SandboxId b{"sbx-bbbbbbbbbbbbbbbb"};

/// Of a call when it is known that nobody answers: less than it would wait for an answer.
constexpr auto at_once = std::chrono::seconds{5};
/// Ten seconds for a connection or twelve for a call on one, and what a busy machine adds.
constexpr auto one_wait = std::chrono::seconds{20};

template <typename Call>
void unavailable_within(std::chrono::seconds limit, Call call)
{
    const auto begun = Clock::now();
    const auto result = call();
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST(common::to_string(result.error().code) == "unavailable", result.error().message);
    BOOST_TEST((Clock::now() - begun < limit), result.error().message);
}

template <typename Call>
void done_within(std::chrono::seconds limit, Call call)
{
    const auto begun = Clock::now();
    must(call());
    BOOST_TEST((Clock::now() - begun < limit));
}

/// The connection that was given up is out of the way when libvirtd has answered it.
template <typename Call>
auto in_the_end(Call call)
{
    const auto deadline = Clock::now() + one_wait;
    auto result = call();
    while (!result && Clock::now() < deadline) {
        std::this_thread::yield();
        result = call();
    }
    return result;
}

struct Host {
    const virt::EventLoop loop;
    LibvirtNetwork network{{tests::PrivateHost::uri, parse_subnet("10.201.0.0/20"), {}, {}}};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(outage_tests, Host)

BOOST_AUTO_TEST_CASE(a_frozen_libvirtd_that_was_never_reached_is_unavailable_until_it_goes_on)
{
    {
        const FrozenLibvirtd frozen;
        unavailable_within(one_wait, [this] { return network.ensure({}); });
        unavailable_within(at_once, [this] { return network.ensure({}); });
        unavailable_within(at_once, [this] { return network.allocate(a, NetworkMode::nat); });
    }
    must(in_the_end([this] { return network.ensure({}); }));
    must(network.allocate(a, NetworkMode::nat));
}

BOOST_AUTO_TEST_CASE(a_libvirtd_that_freezes_ends_the_calls_that_wait_for_it)
{
    must(network.ensure({}));
    const auto lease = must(network.allocate(a, NetworkMode::nat));
    const auto other = must(network.allocate(b, NetworkMode::nat));
    {
        const FrozenLibvirtd frozen;
        // Rules and entries are this host's own; only a dead dnsmasq needs libvirtd.
        done_within(at_once, [&] { return network.release(other); });
        tests::end_process(tests::dnsmasq_pid("paddock"), SIGKILL);
        done_within(at_once, [&] { return network.release(lease); });
        unavailable_within(one_wait, [&] { return network.tell_dhcp(); });
        unavailable_within(one_wait, [&] { return network.allocate(b, NetworkMode::nat); });
        unavailable_within(at_once, [&] { return network.observed_ip(lease); });
    }
    must(in_the_end([this] { return network.ensure({}); }));
    must(network.allocate(b, NetworkMode::nat));
}

BOOST_AUTO_TEST_SUITE_END()
