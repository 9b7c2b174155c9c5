#include "tests/contract/hostd_libvirt/domains.hpp"

#include <algorithm>
#include <fmt/format.h>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;

namespace {

constexpr std::string_view uuid = "6b1d4d4e-0000-4000-8000-00000000beef";

/// A running domain of somebody else's.
struct WithForeign : Domains {
    common::SandboxId id = libvirt.fresh_id();

    /// Its name is one that a sandbox's could be.
    void make(std::string_view metadata = "")
    {
        const auto xml = fmt::format("<domain type='qemu'><name>{}</name><uuid>{}</uuid>"
                                     "<metadata>{}</metadata>"
                                     "<memory unit='MiB'>16</memory><vcpu>1</vcpu>"
                                     "<os><type arch='x86_64' machine='pc'>hvm</type></os>"
                                     "<devices><disk type='file' device='floppy'>"
                                     "<source file='/var/lib/libvirt/boxes/theirs.img'/>"
                                     "<target dev='fda'/></disk></devices></domain>",
                                     id.str(),
                                     uuid,
                                     metadata);
        libvirt.inside({"truncate", "-s", "1440K", "/var/lib/libvirt/boxes/theirs.img"});
        virsh({"define", "/dev/fd/0"}, xml);
        virsh({"start", id.str()});
    }
    [[nodiscard]] std::string its_state() const { return virsh({"domstate", id.str()}); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(foreign_tests, WithForeign)

BOOST_AUTO_TEST_CASE(a_foreign_domain_is_listed_apart)
{
    make();
    const auto ours = running();

    const auto records = must(hypervisor.list());
    BOOST_REQUIRE(records.size() == 1U);
    BOOST_TEST(records[0].sandbox.id.str() == ours.sandbox.id.str());

    const auto sent = must(hypervisor.traffic());
    BOOST_REQUIRE(sent.size() == 1U);
    BOOST_TEST(sent[0].sandbox.str() == ours.sandbox.id.str());
    BOOST_TEST(sent[0].packets == 0U); // It has no network.

    const auto vms = must(hypervisor.list_foreign());
    BOOST_REQUIRE(vms.size() == 1U);
    BOOST_TEST(vms[0].name == id.str());
    BOOST_TEST(vms[0].uuid == uuid);
    BOOST_TEST(vms[0].state == "running");
    BOOST_TEST(vms[0].persistent);
    BOOST_TEST(vms[0].disk_path == "/var/lib/libvirt/boxes/theirs.img");
}

BOOST_AUTO_TEST_CASE(a_foreign_domain_with_a_sandboxs_name_is_never_touched)
{
    make();
    const auto before = virsh({"dumpxml", id.str()});

    refused(hypervisor.find(id), ErrorCode::not_found);
    refused(hypervisor.start(id), ErrorCode::not_found);
    refused(hypervisor.request_shutdown(id), ErrorCode::not_found);
    refused(hypervisor.set_generation(id, 2), ErrorCode::not_found);
    must(hypervisor.kill(id)); // There is none of ours: nothing to do.
    must(hypervisor.undefine(id));
    BOOST_TEST(virsh({"dumpxml", id.str()}) == before);

    virsh({"destroy", id.str()});
    must(hypervisor.undefine(id));
    BOOST_TEST(virsh({"domuuid", id.str()}).find(uuid) == 0U);
}

BOOST_AUTO_TEST_CASE(a_name_that_a_foreign_domain_has_is_refused)
{
    make();
    auto wanted = spec();
    wanted.sandbox.id = id;
    const auto result = hypervisor.define(wanted);
    BOOST_REQUIRE(!result);
    // Not already_exists: that would be a sandbox, to be adopted.
    BOOST_CHECK(result.error().code != ErrorCode::already_exists);
    BOOST_TEST(result.error().message.find("already exists") != std::string::npos,
               result.error().message);
    BOOST_TEST(virsh({"domuuid", id.str()}).find(uuid) == 0U);
    BOOST_TEST(its_state().find("running") == 0U);
}

BOOST_AUTO_TEST_CASE(a_domain_with_damaged_metadata_does_not_hide_the_others)
{
    make("<pdk:paddock xmlns:pdk='urn:paddock:1'/>");
    const auto ours = defined();
    const auto records = must(hypervisor.list());
    BOOST_REQUIRE(records.size() == 1U);
    BOOST_TEST(records[0].sandbox.id.str() == ours.sandbox.id.str());
    BOOST_TEST(must(hypervisor.list_foreign()).empty());
    refused(hypervisor.find(id), ErrorCode::invalid_argument);
    BOOST_TEST(its_state().find("running") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
