#include "tests/contract/hostd_libvirt/domains.hpp"

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;

BOOST_FIXTURE_TEST_SUITE(refusal_tests, Domains)

BOOST_AUTO_TEST_CASE(a_definition_that_libvirt_does_not_take_is_refused_and_leaves_nothing)
{
    const auto good = spec();
    auto bad_mac = good;
    bad_mac.sandbox.network = NetworkMode::nat;
    bad_mac.net = {"default", "no address", "10.64.0.2", "pdkaaaaaaaaaaaa"};
    auto no_processor = good;
    no_processor.sandbox.vcpus = 0;
    auto no_memory = good;
    no_memory.sandbox.memory = {};
    for (const auto& bad : {bad_mac, no_processor, no_memory}) {
        const auto error = refused(hypervisor.define(bad), ErrorCode::invalid_argument);
        BOOST_TEST(error.message.find(good.sandbox.id.str()) != std::string::npos);
        BOOST_TEST(error.message.find("libvirt error") != std::string::npos, error.message);
        refused(hypervisor.find(good.sandbox.id), ErrorCode::not_found);
    }
    BOOST_TEST(libvirt.remains() == "");
    must(hypervisor.define(good)); // The id is still free.
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_says_why_and_leaves_the_domain_stopped)
{
    const auto no_disk = defined();
    std::filesystem::remove(libvirt.outside(no_disk.files.overlay));
    auto no_network = spec();
    no_network.sandbox.network = NetworkMode::nat;
    no_network.net = {"pdk-none", "52:54:00:00:00:01", "10.64.0.2", "pdkaaaaaaaaaaaa"};
    must(hypervisor.define(no_network));
    auto no_kernel = spec();
    no_kernel.image.boot = Boot::kernel;
    no_kernel.image.kernel = "/var/lib/libvirt/boxes/no-kernel";
    must(hypervisor.define(no_kernel));

    const auto says = [this](const DomainSpec& made, const std::string& what) {
        const auto result = hypervisor.start(made.sandbox.id);
        BOOST_REQUIRE(!result);
        const auto& error = result.error();
        BOOST_TEST(error.message.find(made.sandbox.id.str()) != std::string::npos, error.message);
        BOOST_TEST(error.message.find(what) != std::string::npos, error.message);
        BOOST_CHECK(error.code != ErrorCode::unavailable); // The daemon is well.
        BOOST_CHECK(state(made.sandbox.id) == DomainState::stopped);
        must(hypervisor.undefine(made.sandbox.id));
    };
    says(no_disk, "overlay.qcow2");
    says(no_network, "pdk-none");
    says(no_kernel, "no-kernel");
    BOOST_TEST(libvirt.remains() == "");
}

BOOST_AUTO_TEST_CASE(a_guest_without_its_agent_does_not_answer)
{
    const auto made = running();
    const auto error = refused(hypervisor.qemu_agent_ping(made.sandbox.id), ErrorCode::unavailable);
    BOOST_TEST(error.reason == "agent_not_ready");
}

BOOST_AUTO_TEST_SUITE_END()
