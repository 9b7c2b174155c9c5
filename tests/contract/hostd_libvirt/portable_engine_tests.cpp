#include "hostd/libvirt/metadata.hpp"
#include "hostd/qemu/save_image.hpp"
#include "tests/contract/hostd_libvirt/states.hpp"

#include <thread>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;
namespace fs = std::filesystem;
using Then = CaptureRequest::Then;

namespace {

struct PortableStates : States {
    PortableEngine portable{hypervisor.connections()};

    [[nodiscard]] bool is_aside(const std::string& name) const
    {
        return virsh({"dominfo", name}).find("Managed save:   yes") != std::string::npos;
    }
    /// Once libvirtd, which was started again, can tell it.
    [[nodiscard]] DomainState state_again(const common::SandboxId& id) const
    {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        auto now = state(id);
        while (now == DomainState::unknown && std::chrono::steady_clock::now() < until) {
            now = state(id);
        }
        return now;
    }
    /// libvirtd dies once there is a file of the guest's memory; nothing if it died too late.
    std::optional<Captured> cut_capture(const CaptureRequest& wanted)
    {
        bool begun = false;
        std::jthread killer{[&](const std::stop_token& stop) {
            while (!stop.stop_requested() && !fs::exists(wanted.files.memory)) {
                std::this_thread::yield();
            }
            begun = fs::exists(wanted.files.memory);
            libvirt.kill();
            libvirt.start();
        }};
        auto captured = portable.capture(wanted);
        killer.request_stop();
        killer.join();
        if (!begun || !captured.error) {
            return std::nullopt;
        }
        return captured;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(portable_engine_tests, PortableStates)

BOOST_AUTO_TEST_CASE(a_capture_is_a_save_image_of_libvirts)
{
    const auto source = counting();
    const auto wanted = request(source.sandbox.id, "one");
    const auto captured = must(portable.capture(wanted));
    BOOST_TEST(captured.timings.contains("snapshot"));
    const auto image = must(qemu::read_save_image(wanted.files.memory));
    BOOST_TEST(image.domain_xml.find(source.sandbox.id.str()) != std::string::npos);
    BOOST_TEST(!fs::exists(wanted.files.device));
    BOOST_CHECK(state(source.sandbox.id) == DomainState::running);
}

BOOST_AUTO_TEST_CASE(a_guest_is_not_cloned_and_goes_on)
{
    const auto source = counting();
    const auto wanted = request(source.sandbox.id, "one");
    must(portable.capture(wanted));
    const auto child = clone_of(source);
    const auto error =
        refused(portable.load({child, wanted.files}), ErrorCode::failed_precondition);
    BOOST_TEST(error.reason == "state_incompatible");
    BOOST_TEST(error.message.find("without memory") != std::string::npos, error.message);
    BOOST_TEST(must(hypervisor.list()).size() == 1U);
    await_counting(source.sandbox.id.str());
}

BOOST_AUTO_TEST_CASE(a_replaced_guest_is_on_the_network_by_its_new_tap)
{
    virsh({"net-create", "/dev/fd/0"},
          "<network><name>pdk-test</name><bridge name='pdkbr0' stp='off' delay='0'/></network>");
    const NetLease lease{"pdk-test", "52:54:00:00:00:01", "10.64.0.2", "pdkaaaaaaaaaaaa"};
    const auto source = counting(common::Bytes::mib(16), lease);
    const auto& id = source.sandbox.id;
    const auto wanted = request(id, "one");
    must(portable.capture(wanted));
    auto next = next_of(record_of(source), 2);
    next.net.tap = "pdkaaaaaaaaaaa2";
    must(portable.replace({next, wanted.files}));
    const auto interfaces = virsh({"domiflist", id.str()});
    BOOST_TEST(interfaces.find(lease.mac) != std::string::npos, interfaces);
    BOOST_TEST(interfaces.find(next.net.tap) != std::string::npos, interfaces);
    const auto links = libvirt.inside({"ip", "-br", "link", "show", "master", "pdkbr0"});
    BOOST_TEST(links.find(next.net.tap) != std::string::npos, links);
    BOOST_TEST(links.find(lease.tap) == std::string::npos, links);
    BOOST_CHECK(must(hypervisor.find(id)).net == next.net);
    await_counting(id.str());
    must(hypervisor.kill(id));
    virsh({"net-destroy", "pdk-test"});
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_and_leaves_the_guest_as_it_was)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    auto wanted = request(id, "full");
    const auto good = request(id, "good");
    must(portable.capture(good));
    // Where libvirtd sees a small disk, in its namespace alone.
    const auto small = folder() / "small";
    fs::create_directory(small);
    const auto fill = [&](const fs::path& over) {
        libvirt.inside({"mount", "-t", "tmpfs", "-o", "size=64k", "none", over});
    };
    fill(small);
    wanted.files.memory = small / "memory";
    for (const auto then : {Then::go_on, Then::stay_paused}) {
        wanted.then = then;
        const auto full = portable.capture(wanted);
        BOOST_REQUIRE(full.error);
        BOOST_TEST(full.error->reason == "disk_full", full.error->message);
        BOOST_CHECK(state(id) == DomainState::running);
        fs::remove(wanted.files.domain);
    }
    libvirt.inside({"umount", small});

    const fs::path aside{"/var/lib/libvirt/qemu/save"};
    fill(aside);
    const auto next = next_of(record_of(source), 2);
    const auto error = refused(portable.replace({next, good.files}), ErrorCode::resource_exhausted);
    libvirt.inside({"umount", aside});
    BOOST_TEST(error.reason == "disk_full", error.message);
    BOOST_CHECK(state(id) == DomainState::running);
    BOOST_TEST(must(hypervisor.find(id)).incarnation == 1U);
    await_counting(id.str());
}

BOOST_AUTO_TEST_CASE(a_guest_that_was_put_aside_goes_on_when_it_is_started)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    // As a hostd leaves it that ended while it replaced the guest.
    virsh({"managedsave", id.str()});
    BOOST_CHECK(state(id) == DomainState::stopped);
    must(hypervisor.start(id));
    BOOST_TEST(last_change_of(id.str()) == "running (restored)");
    await_counting(id.str());
    BOOST_TEST(!is_aside(id.str()));
}

BOOST_AUTO_TEST_CASE(what_was_put_aside_of_an_earlier_incarnation_is_not_started)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    virsh({"managedsave", id.str()});
    auto xml = virsh({"dumpxml", "--inactive", id.str()});
    const std::string_view before = R"(incarnation="1")";
    BOOST_REQUIRE(xml.find(before) != std::string::npos);
    xml.replace(xml.find(before), before.size(), R"(incarnation="2")");
    virsh({"define", "/dev/fd/0"}, xml);
    must(hypervisor.start(id));
    BOOST_TEST(last_change_of(id.str()) == "running (booted)");
    BOOST_TEST(must(hypervisor.find(id)).incarnation == 2U);
    BOOST_TEST(!is_aside(id.str()));
}

BOOST_AUTO_TEST_CASE(what_was_put_aside_does_not_go_on_with_another_disk)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    virsh({"managedsave", id.str()});
    const auto top = branch(source.files.overlay, "one");
    must(hypervisor.set_top(id, top));
    BOOST_TEST(!is_aside(id.str()));
    must(hypervisor.start(id));
    BOOST_TEST(last_change_of(id.str()) == "running (booted)");
    BOOST_TEST(must(hypervisor.top_of(id)) == top);
}

BOOST_AUTO_TEST_CASE(a_guest_goes_on_when_libvirtd_dies_while_it_is_replaced)
{
    // So much, though all of it zero, takes a while to be saved.
    const auto source = counting(common::Bytes::gib(3));
    const auto& id = source.sandbox.id;
    const auto wanted = request(id, "one");
    must(portable.capture(wanted));
    const auto next = next_of(record_of(source), 2);
    const auto aside =
        libvirt.outside(fs::path{"/var/lib/libvirt/qemu/save"} / (id.str() + ".save"));
    std::jthread killer{[&](const std::stop_token& stop) {
        while (!stop.stop_requested() && !fs::exists(aside)) {
            std::this_thread::yield();
        }
        libvirt.kill();
        libvirt.start();
    }};
    const auto replaced = portable.replace({next, wanted.files});
    killer.join();
    BOOST_REQUIRE(!replaced);
    BOOST_CHECK(state(id) == DomainState::running);
    BOOST_TEST(must(hypervisor.find(id)).incarnation == 1U);
    BOOST_TEST(!is_aside(id.str()));
    await_counting(id.str());
}

BOOST_AUTO_TEST_CASE(a_guest_goes_on_when_libvirtd_dies_while_it_is_captured)
{
    const auto source = counting(common::Bytes::gib(3));
    const auto& id = source.sandbox.id;
    for (const auto then : {Then::go_on, Then::stay_paused}) {
        const bool stays = then == Then::stay_paused;
        fs::path new_top;
        std::optional<Captured> captured;
        for (int tries = 0; tries < 5 && !captured; ++tries) {
            const auto name = (stays ? "stays-" : "goes-") + std::to_string(tries);
            new_top = branch(must(hypervisor.top_of(id)), name);
            auto wanted = request(id, name);
            wanted.then = then;
            wanted.new_top = new_top;
            captured = cut_capture(wanted);
            if (state_again(id) == DomainState::paused && !captured) {
                must(hypervisor.start(id));
            }
        }
        BOOST_REQUIRE(captured);
        BOOST_CHECK(state_again(id) == DomainState::running);
        BOOST_TEST(captured->branched == (must(hypervisor.top_of(id)) == new_top));
        await_counting(id.str());
    }
    must(portable.capture(request(id, "again")));
}

BOOST_AUTO_TEST_CASE(a_guest_that_the_fast_engine_renamed_is_replaced_by_its_former_self)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto wanted = request(id, "portable");
    must(portable.capture(wanted));
    const auto fast = request(id, "fast");
    must(engine.capture(fast));
    const auto second = next_of(record_of(source), 2);
    must(engine.replace({second, fast.files}));
    must(hypervisor.keep_only(id, 2));
    const auto captured = portable.capture(request(id, "refused"));
    BOOST_REQUIRE(captured.error);
    BOOST_TEST(captured.error->reason == "state_incompatible", captured.error->message);

    const auto third = next_of(second, 3);
    must(portable.replace({third, wanted.files}));
    BOOST_TEST(must(hypervisor.list()).size() == 2U);
    const auto found = must(hypervisor.find(id));
    BOOST_TEST(found.incarnation == 3U);
    BOOST_TEST(found.domain_name == id.str());
    must(hypervisor.keep_only(id, 3));
    BOOST_TEST(must(hypervisor.list()).size() == 1U);
    await_counting(id.str());
    // An incarnation of that name is taken, though its number is another.
    refused(hypervisor.define(source), ErrorCode::already_exists);
}

BOOST_AUTO_TEST_CASE(a_guest_whose_memory_is_in_a_file_of_the_fast_engines_is_left_alone)
{
    const auto source = counting();
    const auto& id = source.sandbox.id;
    const auto wanted = request(id, "portable");
    must(portable.capture(wanted));
    auto fast = request(id, "fast");
    fast.then = Then::stay_paused;
    must(engine.capture(fast));
    must(hypervisor.kill(id));
    must(engine.load({must(hypervisor.find(id)), fast.files}));
    const auto next = next_of(record_of(source), 2);
    const auto error =
        refused(portable.replace({next, wanted.files}), ErrorCode::failed_precondition);
    BOOST_TEST(error.reason == "state_incompatible", error.message);
    await_counting(id.str());
    // Stopped it has no memory to lose.
    must(hypervisor.kill(id));
    must(portable.load({next, wanted.files}));
    await_counting(id.str());
    must(portable.capture(request(id, "again")));
}

BOOST_AUTO_TEST_SUITE_END()
