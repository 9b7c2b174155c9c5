#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/self_test.hpp"
#include "tests/contract/hostd_libvirt/states.hpp"

#include <fstream>
#include <thread>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;
namespace fs = std::filesystem;
using Then = CaptureRequest::Then;

BOOST_FIXTURE_TEST_SUITE(fast_engine_tests, States)

BOOST_AUTO_TEST_CASE(a_clone_has_the_memory_of_its_source_at_the_capture_and_both_go_on)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    auto wanted = request(id, "one");
    wanted.then = Then::stay_paused;
    const auto captured = must(engine.capture(wanted));
    BOOST_TEST(!captured.branched);
    BOOST_TEST(captured.paused.count() > 0);
    BOOST_CHECK(state(id) == DomainState::paused);
    const auto expected = memory_of(id.str());

    // Twice from the same files: they belong to nobody.
    const auto first = clone_of(source);
    const auto second = clone_of(source);
    for (const auto& record : {first, second}) {
        must(engine.load({record, wanted.files, source.image})); // As what came from elsewhere.
        const auto found = must(hypervisor.find(record.sandbox.id));
        BOOST_CHECK(found.state == DomainState::running);
        BOOST_CHECK(found.sandbox == record.sandbox);
        BOOST_TEST(must(hypervisor.top_of(record.sandbox.id)) == record.files.overlay);
        await_counting(record.sandbox.id.str());
    }
    // Both wrote into their memory; the file has what it had.
    const auto third = clone_of(source);
    must(engine.load({third, wanted.files}));
    const auto actual = memory_of(third.sandbox.id.str());
    const auto differing = [&] {
        std::size_t count = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            count += expected[i] != actual[i] ? 1U : 0U;
        }
        return count;
    }();
    BOOST_TEST(differing < 4096U); // It ran for a moment: its stack and its clock.

    must(hypervisor.start(id));
    await_counting(id.str());
}

BOOST_AUTO_TEST_CASE(a_clone_is_captured_as_its_source_was)
{
    const auto source = counting();
    const auto wanted = request(source.sandbox.id, "one");
    must(engine.capture(wanted));
    const auto child = clone_of(source);
    must(engine.load({child, wanted.files}));
    auto again = request(child.sandbox.id, "two");
    again.then = Then::stay_paused;
    must(engine.capture(again));
    const auto expected = memory_of(child.sandbox.id.str());
    const auto grandchild = clone_of(source);
    must(engine.load({grandchild, again.files}));
    await_counting(grandchild.sandbox.id.str());
    const auto actual = memory_of(grandchild.sandbox.id.str());
    // The firmware, which nothing writes to.
    BOOST_TEST((expected.substr(0xF0000, 0x10000) == actual.substr(0xF0000, 0x10000)));
    BOOST_TEST((expected.substr(0x7C00, 64) == actual.substr(0x7C00, 64)));
    // Stopped and started it is one like any other.
    must(hypervisor.kill(child.sandbox.id));
    must(hypervisor.start(child.sandbox.id));
    must(engine.capture(request(child.sandbox.id, "three")));
}

BOOST_AUTO_TEST_CASE(a_paused_guest_is_captured_more_than_once_stays_paused_and_goes_on)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    must(hypervisor.pause(id));
    for (const auto* name : {"one", "two", "three"}) {
        auto wanted = request(id, name);
        wanted.new_top = branch(must(hypervisor.top_of(id)), name);
        must(engine.capture(wanted));
        BOOST_CHECK(state(id) == DomainState::paused);
        BOOST_TEST(status(id.str()) != "running");
        const auto child = clone_of(source);
        must(engine.load({child, wanted.files}));
        await_counting(child.sandbox.id.str());
    }
    must(hypervisor.start(id));
    BOOST_CHECK(state(id) == DomainState::running);
    await_counting(id.str());
}

BOOST_AUTO_TEST_CASE(a_capture_that_fails_leaves_the_guest_running)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    auto wanted = request(id, "full");
    // A file as large as the memory fits, as a hole; the pages in it do not.
    const auto small = std::string{tests::PrivateLibvirt::boxes} + "/small";
    libvirt.inside({"mkdir", "-p", small});
    libvirt.inside({"mount", "-t", "tmpfs", "-o", "size=64k", "none", small});
    wanted.files.memory = libvirt.outside(small + "/memory");
    const auto full = engine.capture(wanted);
    libvirt.inside({"umount", small});
    BOOST_REQUIRE(full.error);
    BOOST_TEST(full.error->reason == "disk_full", full.error->message);
    BOOST_CHECK(state(id) == DomainState::running);
    await_counting(id.str());

    wanted = request(id, "late");
    std::ofstream{wanted.files.device} << "in the way";
    const auto captured = engine.capture(wanted);
    BOOST_TEST(captured.error.has_value());
    BOOST_CHECK(state(id) == DomainState::running);
    await_counting(id.str());
    must(engine.capture(request(id, "good")));
}

BOOST_AUTO_TEST_CASE(a_guest_goes_on_when_libvirtd_dies_while_it_is_captured)
{
    // So much, though all of it zero, takes a while to be read.
    const auto source = counting(common::Bytes::gib(3));
    const auto& id = source.sandbox.id;
    bool paused = false;
    // The file of its memory is the last thing before it is paused: sooner or later libvirtd dies
    // after that, too.
    for (int number = 0; number < 10 && !paused; ++number) {
        const auto wanted = request(id, "one-" + std::to_string(number));
        std::jthread killer{[&](const std::stop_token& stop) {
            while (!stop.stop_requested() && !fs::exists(wanted.files.memory)) {
                std::this_thread::yield();
            }
            libvirt.kill();
            libvirt.start();
        }};
        const auto captured = engine.capture(wanted);
        killer.request_stop();
        killer.join();
        // Without an error it was done before libvirtd died.
        paused = captured.error && captured.timings.contains("pause");
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (state(id) == DomainState::unknown && std::chrono::steady_clock::now() < until) {
            std::this_thread::yield();
        }
        BOOST_CHECK(state(id) == DomainState::running);
        await_counting(id.str());
    }
    BOOST_TEST(paused);
    must(engine.capture(request(id, "two")));
}

BOOST_AUTO_TEST_CASE(incarnations_that_would_share_a_socket_are_refused)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto wanted = request(id, "one");
    must(engine.capture(wanted));
    auto next = next_of(record_of(source), 2);
    next.files.agent_socket = source.files.agent_socket;
    refused(engine.replace({next, wanted.files}), ErrorCode::invalid_argument);
    BOOST_CHECK(state(id) == DomainState::running);
    BOOST_TEST(must(hypervisor.list()).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_clone_is_on_the_network_by_its_own_address_and_tap)
{
    virsh({"net-create", "/dev/fd/0"},
          "<network><name>pdk-test</name><bridge name='pdkbr0' stp='off' delay='0'/></network>");
    const NetLease lease{"pdk-test", "52:54:00:00:00:01", "10.64.0.2", "pdkaaaaaaaaaaaa"};
    const auto source = counting(common::Bytes::mib(16), lease);
    const auto wanted = request(source.sandbox.id, "one");
    must(engine.capture(wanted));
    auto child = clone_of(source);
    child.net = {"pdk-test", "52:54:00:00:00:02", "10.64.0.3", "pdkbbbbbbbbbbbb"};
    must(engine.load({child, wanted.files}));
    await_counting(child.sandbox.id.str());
    const auto has = [this](const DomainRecord& record, const std::string& name) {
        const auto interfaces = virsh({"domiflist", name});
        BOOST_TEST(interfaces.find(record.net.mac) != std::string::npos, interfaces);
        BOOST_TEST(interfaces.find(record.net.tap) != std::string::npos, interfaces);
    };
    has(record_of(source), source.sandbox.id.str());
    has(child, child.sandbox.id.str());

    // The same address again, while the old one is still plugged in.
    auto next = next_of(record_of(source), 2);
    next.net.tap = "pdkaaaaaaaaaaa2";
    must(engine.replace({next, wanted.files}));
    has(next, source.sandbox.id.str() + ".g2");
    must(hypervisor.keep_only(source.sandbox.id, 2));
    await_counting(source.sandbox.id.str() + ".g2");
    must(hypervisor.kill(source.sandbox.id));
    must(hypervisor.kill(child.sandbox.id));
    virsh({"net-destroy", "pdk-test"});
}

BOOST_AUTO_TEST_CASE(the_self_test_proves_the_engine_and_leaves_nothing)
{
    const auto mine = running();
    const SelfTest test{folder(), Accel::tcg, "qemu64", {}};
    const auto proven = must(prove_fast_engine(hypervisor.connections(), test));
    BOOST_TEST(proven.find("16 MiB") != std::string::npos, proven);
    BOOST_TEST(must(hypervisor.list_foreign()).empty());
    BOOST_TEST(!fs::exists(folder() / "selftest"));
    BOOST_TEST(virsh({"list", "--all", "--name"}).find("selftest") == std::string::npos);
    BOOST_CHECK(state(mine.sandbox.id) == DomainState::running);
}

BOOST_AUTO_TEST_CASE(the_self_test_says_why_it_could_not_prove_anything)
{
    const SelfTest test{folder(), Accel::tcg, "no-such-cpu", {}};
    const auto result = prove_fast_engine(hypervisor.connections(), test);
    BOOST_REQUIRE(!result);
    BOOST_TEST(result.error().message.find("no-such-cpu") != std::string::npos,
               result.error().message);
    BOOST_TEST(!fs::exists(folder() / "selftest"));
}

BOOST_AUTO_TEST_SUITE_END()
