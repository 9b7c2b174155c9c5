#include "tests/contract/hostd_libvirt/domains.hpp"

#include <algorithm>
#include <thread>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;
using tests::Guest;
using tests::SkipWithoutLibvirt;
namespace fs = std::filesystem;

BOOST_TEST_GLOBAL_FIXTURE(SkipWithoutLibvirt);

BOOST_FIXTURE_TEST_SUITE(life_tests, Domains)

BOOST_AUTO_TEST_CASE(a_domain_is_defined_started_asked_to_power_off_and_forgotten)
{
    const auto made = defined();
    const auto& id = made.sandbox.id;
    BOOST_CHECK(state(id) == DomainState::stopped);

    must(hypervisor.start(id));
    await(id, DomainState::running);
    must(hypervisor.start(id)); // It runs already.
    await_up(made);

    must(hypervisor.request_shutdown(id));
    await(id, DomainState::stopped);
    must(hypervisor.request_shutdown(id));
    must(hypervisor.undefine(id));
    refused(hypervisor.find(id), ErrorCode::not_found);
    BOOST_TEST(fs::exists(libvirt.outside(made.files.overlay)));
}

BOOST_AUTO_TEST_SUITE_END()
