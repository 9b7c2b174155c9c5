#include "tests/contract/hostd_libvirt/domains.hpp"

#include <atomic>
#include <ranges>
#include <thread>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;
using Kind = DomainEvent::Kind;
using Clock = std::chrono::steady_clock;

namespace {

/// Of a call when nobody listens: less than the ten seconds for which an answer is waited for.
constexpr auto at_once = std::chrono::seconds{5};

template <typename Call>
void unavailable_within(std::chrono::seconds limit, Call call)
{
    const auto begun = Clock::now();
    const auto error = refused(call(), ErrorCode::unavailable);
    BOOST_TEST((Clock::now() - begun < limit), error.message);
}

struct Daemon {
    tests::PrivateLibvirt& libvirt = tests::PrivateLibvirt::shared();

    Daemon() { libvirt.start(); }
};

/// A failed case would wait for ever for its calls.
struct Thaw {
    tests::PrivateLibvirt& libvirt;

    ~Thaw() { libvirt.thaw(); }
};

/// Open in this program.
long descriptors()
{
    return std::ranges::distance(std::filesystem::directory_iterator{"/proc/self/fd"});
}

/// Before long: what is closed goes in libvirt's own threads.
bool descriptors_at_most(long number)
{
    const auto deadline = Clock::now() + std::chrono::seconds{20};
    while (descriptors() > number && Clock::now() < deadline) {
        std::this_thread::yield();
    }
    return descriptors() <= number;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(outage_tests, Domains)

BOOST_AUTO_TEST_CASE(a_killed_libvirtd_is_unavailable_and_comes_back_with_all_it_knew)
{
    const auto runs = running();
    const auto rests = defined();
    const auto& id = runs.sandbox.id;
    must(hypervisor.set_generation(id, 7));

    libvirt.kill();
    await(Kind::connection_lost);
    unavailable_within(at_once, [&] { return hypervisor.list(); });
    unavailable_within(at_once, [&] { return hypervisor.list_foreign(); });
    unavailable_within(at_once, [&] { return hypervisor.find(id); });
    unavailable_within(at_once, [&] { return hypervisor.define(rests); });
    unavailable_within(at_once, [&] { return hypervisor.start(id); });
    unavailable_within(at_once, [&] { return hypervisor.request_shutdown(id); });
    unavailable_within(at_once, [&] { return hypervisor.kill(id); });
    unavailable_within(at_once, [&] { return hypervisor.undefine(id); });
    unavailable_within(at_once, [&] { return hypervisor.set_generation(id, 8); });
    unavailable_within(at_once, [&] { return hypervisor.facts(); });
    unavailable_within(at_once, [&] { return hypervisor.qemu_agent_ping(id); });

    libvirt.start();
    await(Kind::connection_restored);
    BOOST_TEST(must(hypervisor.list()).size() == 2U);
    const auto record = must(hypervisor.find(id));
    BOOST_CHECK(record.sandbox == runs.sandbox);
    BOOST_TEST(record.generation == 7U);
    BOOST_CHECK(record.state == DomainState::running); // Its QEMU has not noticed.
    BOOST_CHECK(must(hypervisor.find(rests.sandbox.id)).sandbox == rests.sandbox);

    // It has to wait until libvirtd is done with the QEMU that it found: one that is killed before
    // ends without an event.
    must(hypervisor.set_generation(id, 8));
    must(hypervisor.kill(id));
    await(id, DomainState::stopped); // Events flow again.
}

BOOST_AUTO_TEST_CASE(a_domain_that_dies_while_libvirtd_is_away_is_found_crashed)
{
    const auto made = running();
    libvirt.kill();
    await(Kind::connection_lost);
    libvirt.kill_qemu(made.sandbox.id.str());
    libvirt.start();
    await(Kind::connection_restored);
    // libvirtd looks for the QEMU after it took our connection; this waits until it is done.
    static_cast<void>(hypervisor.set_generation(made.sandbox.id, 2));
    BOOST_CHECK(state(made.sandbox.id) == DomainState::crashed);
}

BOOST_AUTO_TEST_CASE(a_frozen_libvirtd_is_unavailable_until_it_goes_on)
{
    const auto made = defined();
    libvirt.freeze();
    {
        // Both at once: one has the pool's open connection, the other has to open its own.
        tests::Arrivals<common::Result<DomainRecord>> found;
        const auto find = [&] { found.add(hypervisor.find(made.sandbox.id)); };
        const std::jthread first{find};
        const std::jthread second{find};
        const Thaw before_they_are_joined{libvirt};
        refused(found.take(), ErrorCode::unavailable);
        refused(found.take(), ErrorCode::unavailable);
        unavailable_within(at_once, [&] { return hypervisor.find(made.sandbox.id); });
        await(Kind::connection_lost);
    }
    await(Kind::connection_restored);
    BOOST_CHECK(state(made.sandbox.id) == DomainState::stopped);
}

BOOST_AUTO_TEST_CASE(calls_that_libvirtd_dies_under_say_so)
{
    const auto made = running();
    std::atomic<int> cut = 0;
    tests::Arrivals<common::ErrorCode> others;
    std::vector<std::jthread> callers;
    for (int i = 0; i < 4; ++i) {
        callers.emplace_back([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                const auto result = hypervisor.set_generation(made.sandbox.id, 9);
                if (!result && result.error().code == ErrorCode::unavailable) {
                    ++cut;
                } else if (!result) {
                    BOOST_TEST_MESSAGE(result.error().message);
                    others.add(result.error().code);
                }
            }
        });
    }
    for (int i = 0; i < 5; ++i) {
        libvirt.kill();
        await(Kind::connection_lost);
        libvirt.start();
        await(Kind::connection_restored);
    }
    callers.clear();
    BOOST_TEST(cut > 0);
    BOOST_TEST(others.empty());
    BOOST_CHECK(state(made.sandbox.id) == DomainState::running);
}

// libvirt allows one event loop in a process: these make their own instead of the suite's.

BOOST_FIXTURE_TEST_CASE(a_hypervisor_made_before_its_libvirtd_finds_it_later, Daemon)
{
    libvirt.kill();
    tests::Arrivals<DomainEvent> heard;
    LibvirtHypervisor early{libvirt.uri()};
    early.observe([&heard](const DomainEvent& event) { heard.add(event); });
    unavailable_within(at_once, [&] { return early.list(); });
    libvirt.start();
    BOOST_CHECK(heard.take().kind == Kind::connection_restored); // And nothing was lost before.
    BOOST_TEST(must(early.list()).empty());
}

BOOST_FIXTURE_TEST_CASE(lost_connections_leave_no_descriptor, Daemon)
{
    tests::Arrivals<DomainEvent> heard;
    LibvirtHypervisor hypervisor{libvirt.uri()};
    hypervisor.observe([&heard](const DomainEvent& event) { heard.add(event); });
    const auto restored = [](const DomainEvent& event) {
        return event.kind == Kind::connection_restored;
    };
    heard.take_until(restored);
    must(hypervisor.list());
    const auto before = descriptors();
    for (int i = 0; i < 3; ++i) {
        libvirt.kill();
        libvirt.start();
        heard.take_until(restored);
        must(hypervisor.list());
    }
    BOOST_TEST(descriptors_at_most(before));
}

BOOST_FIXTURE_TEST_CASE(hypervisors_that_end_leave_no_descriptor, Daemon)
{
    const auto live = [this] {
        tests::Arrivals<DomainEvent> heard;
        LibvirtHypervisor hypervisor{libvirt.uri()};
        hypervisor.observe([&heard](const DomainEvent& event) { heard.add(event); });
        static_cast<void>(heard.take());
        must(hypervisor.list());
    };
    live(); // What libvirt makes once and keeps is there after the first.
    const auto before = descriptors();
    for (int i = 0; i < 3; ++i) {
        live();
    }
    BOOST_TEST(descriptors_at_most(before));
}

BOOST_AUTO_TEST_SUITE_END()
