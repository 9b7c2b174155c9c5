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

BOOST_AUTO_TEST_CASE(what_was_defined_is_read_back_whatever_it_is_made_of)
{
    auto wanted = spec();
    wanted.sandbox.name = "</name>&amp;<![CDATA[\"']]>--><!--{0}";
    wanted.sandbox.vcpus = 2;
    wanted.request = wanted.sandbox.name + "\n\t$(id)";
    wanted.generation = 18'000'000'000'000'000'000ULL;
    wanted.spec_digest = digest_of(wanted.sandbox);
    must(hypervisor.define(wanted));

    const auto record = must(hypervisor.find(wanted.sandbox.id));
    BOOST_CHECK(record.sandbox == wanted.sandbox);
    BOOST_TEST(record.request == wanted.request);
    BOOST_TEST(record.spec_digest == wanted.spec_digest);
    BOOST_TEST(record.generation == wanted.generation);
    BOOST_TEST(record.incarnation == 1U);
    BOOST_TEST(record.domain_name == wanted.sandbox.id.str());
    BOOST_TEST(record.files.overlay == wanted.files.overlay);
    BOOST_TEST(record.files.agent_socket == wanted.files.agent_socket);
    BOOST_CHECK(record.created_at == wanted.created_at);
    BOOST_CHECK(record.state == DomainState::stopped);
}

BOOST_AUTO_TEST_CASE(a_taken_id_is_refused_and_what_has_it_stays_as_it_is)
{
    const auto made = running();
    auto other = made;
    other.sandbox.memory = common::Bytes::mib(32);
    other.generation = 99;

    refused(hypervisor.define(other), ErrorCode::already_exists);
    const auto record = must(hypervisor.find(made.sandbox.id));
    BOOST_CHECK(record.sandbox == made.sandbox);
    BOOST_TEST(record.generation == made.generation);
    BOOST_CHECK(record.state == DomainState::running);
}

BOOST_AUTO_TEST_CASE(a_later_incarnation_is_found_by_the_id_alone)
{
    auto made = spec();
    made.incarnation = 3;
    const auto& id = made.sandbox.id;
    must(hypervisor.define(made));
    must(hypervisor.start(id));
    await(id, DomainState::running);
    BOOST_TEST(must(hypervisor.find(id)).domain_name == id.str() + ".g3");
    BOOST_TEST(must(hypervisor.list()).size() == 1U);
    must(hypervisor.kill(id));
    await(id, DomainState::stopped);
    must(hypervisor.undefine(id));
    refused(hypervisor.find(id), ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(killing_and_forgetting_may_be_repeated)
{
    const auto made = running();
    const auto& id = made.sandbox.id;
    refused(hypervisor.undefine(id), ErrorCode::failed_precondition);
    BOOST_CHECK(state(id) == DomainState::running);

    must(hypervisor.kill(id));
    await(id, DomainState::stopped);
    must(hypervisor.kill(id));
    must(hypervisor.undefine(id));
    must(hypervisor.undefine(id));
    must(hypervisor.kill(id));
    refused(hypervisor.start(id), ErrorCode::not_found);
    refused(hypervisor.request_shutdown(id), ErrorCode::not_found);
    refused(hypervisor.set_generation(id, 2), ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_killed_domain_starts_again)
{
    const auto made = running();
    const auto& id = made.sandbox.id;
    must(hypervisor.kill(id));
    await(id, DomainState::stopped);
    must(hypervisor.start(id));
    await(id, DomainState::running);
}

BOOST_AUTO_TEST_CASE(a_guest_that_powers_itself_off_is_stopped)
{
    const auto made = defined(Guest::powers_off_at_once);
    must(hypervisor.start(made.sandbox.id));
    await(made.sandbox.id, DomainState::stopped);
}

BOOST_AUTO_TEST_CASE(a_domain_whose_qemu_is_killed_has_crashed_until_it_is_started_again)
{
    const auto made = running();
    const auto& id = made.sandbox.id;
    libvirt.kill_qemu(id.str());
    await(id, DomainState::crashed);
    must(hypervisor.request_shutdown(id));
    must(hypervisor.kill(id));
    must(hypervisor.start(id));
    await(id, DomainState::running);
}

BOOST_AUTO_TEST_CASE(a_paused_domain_goes_on_when_it_is_started)
{
    const auto made = running();
    const auto& id = made.sandbox.id;
    virsh({"suspend", id.str()});
    await(id, DomainState::paused);
    must(hypervisor.start(id));
    await(id, DomainState::running);
}

BOOST_AUTO_TEST_CASE(a_domain_is_paused_once_and_only_while_it_runs)
{
    const auto made = defined();
    const auto& id = made.sandbox.id;
    refused(hypervisor.pause(id), ErrorCode::failed_precondition);
    must(hypervisor.start(id));
    await(id, DomainState::running);
    must(hypervisor.pause(id));
    await(id, DomainState::paused);
    must(hypervisor.pause(id));
    must(hypervisor.start(id));
    await(id, DomainState::running);
    refused(hypervisor.pause(common::mint<common::SandboxId>()), ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(a_guest_without_qemu_guest_agent_freezes_nothing_and_keeps_nobody_waiting)
{
    const auto made = running();
    const auto& id = made.sandbox.id;
    const auto begun = std::chrono::steady_clock::now();
    BOOST_TEST(!hypervisor.freeze_file_systems(id).has_value());
    BOOST_TEST(!hypervisor.thaw_file_systems(id).has_value());
    BOOST_TEST(!hypervisor.qemu_agent_exec(id, {}).has_value()); // It is not kept out either.
    BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds{45}));
    BOOST_CHECK(state(id) == DomainState::running);
}

BOOST_AUTO_TEST_CASE(the_generation_is_kept_of_a_running_domain_and_after_it)
{
    const auto made = running();
    const auto& id = made.sandbox.id;
    must(hypervisor.set_generation(id, 5));
    BOOST_TEST(must(hypervisor.find(id)).generation == 5U);
    must(hypervisor.kill(id));
    await(id, DomainState::stopped);
    BOOST_TEST(must(hypervisor.find(id)).generation == 5U);
    must(hypervisor.set_generation(id, 6));
    const auto record = must(hypervisor.find(id));
    BOOST_TEST(record.generation == 6U);
    BOOST_CHECK(record.sandbox == made.sandbox);
}

BOOST_AUTO_TEST_CASE(variables_of_uefi_go_with_the_domain)
{
    auto made = spec();
    made.image.boot = Boot::uefi;
    must(hypervisor.define(made));
    must(hypervisor.start(made.sandbox.id));
    await(made.sandbox.id, DomainState::running);
    BOOST_TEST(fs::exists(libvirt.outside(made.files.nvram)));
    must(hypervisor.kill(made.sandbox.id));
    must(hypervisor.undefine(made.sandbox.id));
    BOOST_TEST(!fs::exists(libvirt.outside(made.files.nvram)));
}

BOOST_AUTO_TEST_CASE(snapshots_do_not_keep_a_domain_from_being_forgotten)
{
    const auto made = defined();
    virsh({"snapshot-create-as", made.sandbox.id.str(), "--name", "one"});
    must(hypervisor.undefine(made.sandbox.id));
    refused(hypervisor.find(made.sandbox.id), ErrorCode::not_found);
}

BOOST_AUTO_TEST_CASE(domains_made_at_once_all_run_and_all_end)
{
    std::vector<DomainSpec> wanted;
    for (int i = 0; i < 6; ++i) {
        wanted.push_back(spec());
    }
    tests::Arrivals<common::Result<>> results;
    const auto each = [&](const auto& step) {
        std::vector<std::jthread> threads;
        for (const auto& one : wanted) {
            threads.emplace_back([&, one] { results.add(step(one)); });
        }
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            must(results.take());
        }
    };
    each([this](const DomainSpec& one) -> common::Result<> {
        COMMON_CHECK(hypervisor.define(one));
        return hypervisor.start(one.sandbox.id);
    });
    const auto records = must(hypervisor.list());
    BOOST_TEST(records.size() == wanted.size());
    BOOST_TEST(std::ranges::all_of(
        records, [](const auto& record) { return record.state == DomainState::running; }));
    each([this](const DomainSpec& one) -> common::Result<> {
        COMMON_CHECK(hypervisor.kill(one.sandbox.id));
        return hypervisor.undefine(one.sandbox.id);
    });
    BOOST_TEST(must(hypervisor.list()).empty());
}

BOOST_AUTO_TEST_CASE(it_knows_what_it_runs_on)
{
    const auto facts = must(hypervisor.facts());
    BOOST_TEST(!facts.libvirt_version.empty());
    BOOST_TEST(virsh({"version"}).find("QEMU " + facts.qemu_version) != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
