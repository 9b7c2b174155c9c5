#include "hostd/libvirt/domain_xml.hpp"

#include "hostd/libvirt/metadata.hpp"
#include "tests/unit/hostd_libvirt/domain_samples.hpp"
#include "tests/unit/hostd_libvirt/parsed_xml.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using namespace hostd::libvirt;

namespace {

/// A definition as a parser sees it.
struct ParsedSpec : Parsed {
    explicit ParsedSpec(const DomainSpec& spec, const Platform& platform = {})
        : Parsed{domain_xml(spec, platform)}
    {}
};

} // namespace

BOOST_AUTO_TEST_SUITE(domain_xml_tests)

BOOST_AUTO_TEST_CASE(a_domain_is_what_the_spec_says)
{
    const ParsedSpec domain{sample_spec()};
    BOOST_TEST(domain.at("/domain/name") == "sbx-aaaaaaaaaaaaaaaa");
    BOOST_TEST(domain.at("/domain/title") == "web");
    BOOST_TEST(domain.at("/domain/memory") == "268435456");
    BOOST_TEST(domain.at("/domain/memory/@unit") == "b");
    BOOST_TEST(domain.at("/domain/vcpu") == "2");
    BOOST_TEST(domain.at("//os/type/@machine") == "pc-q35-7.2");
    BOOST_TEST(domain.at("/domain/cputune/shares") == "200");
    BOOST_TEST(domain.at("//disk/source/@file") == "/s/folder/overlay.qcow2");
    BOOST_TEST(domain.at("//disk/driver/@type") == "qcow2");
    BOOST_TEST(domain.at("//disk/backingStore/source/@file") == "/images/tiny/disk.qcow2");
    BOOST_TEST(domain.at("//disk/backingStore/format/@type") == "qcow2");
    // The chain ends where it should, whatever the image's header claims.
    BOOST_TEST(domain.count("//disk/backingStore/backingStore[not(*)]") == 1);
    BOOST_TEST(domain.at("//channel/source/@path") == "/s/folder/agent.sock");
    BOOST_TEST(domain.count("//channel/target[@name='org.paddock.agent.0']") == 1);
    BOOST_TEST(domain.count("//channel/target[@name='org.qemu.guest_agent.0']") == 1);
    BOOST_TEST(domain.at("//serial/source/@path") == "/s/folder/console.log");
    BOOST_TEST(domain.count("//memoryBacking/nosharepages") == 1);
    BOOST_TEST(domain.count("//graphics") == 0);
    BOOST_TEST(domain.count("//hostdev") == 0);
    // A balloon would let a guest punch holes into the memory that others are cloned from.
    BOOST_TEST(domain.at("//memballoon/@model") == "none");
    BOOST_TEST(domain.at("//q:del/@capability") == "cpu-unavailable-features");
}

BOOST_AUTO_TEST_CASE(the_name_tells_the_incarnation_from_the_second_on)
{
    auto spec = sample_spec();
    spec.incarnation = 3;
    BOOST_TEST(ParsedSpec{spec}.at("/domain/name") == "sbx-aaaaaaaaaaaaaaaa.g3");
    BOOST_TEST(domain_name(spec.sandbox.id, 0) == "sbx-aaaaaaaaaaaaaaaa");
    BOOST_TEST(domain_name(spec.sandbox.id, 1) == "sbx-aaaaaaaaaaaaaaaa");
}

BOOST_AUTO_TEST_CASE(the_accelerator_is_the_domains_type_and_the_cpu_a_named_model)
{
    auto spec = sample_spec();
    spec.accel = Accel::tcg;
    BOOST_TEST(ParsedSpec{spec}.at("/domain/@type") == "qemu");
    spec.accel = Accel::kvm;
    spec.cpu_model = "Skylake-Server";
    const ParsedSpec domain{spec};
    BOOST_TEST(domain.at("/domain/@type") == "kvm");
    BOOST_TEST(domain.at("/domain/cpu/model") == "Skylake-Server");
    BOOST_TEST(domain.at("/domain/cpu/@mode") == "custom");
    BOOST_TEST(domain.at("/domain/cpu/@match") == "exact");
}

BOOST_AUTO_TEST_CASE(a_kernel_boots_directly_with_its_own_line)
{
    auto spec = sample_spec();
    spec.accel = Accel::kvm;
    const ParsedSpec domain{spec};
    BOOST_TEST(domain.at("//os/kernel") == "/images/tiny/kernel");
    BOOST_TEST(domain.at("//os/initrd") == "/images/tiny/initrd");
    BOOST_TEST(domain.at("//os/cmdline") == "console=ttyS0 quiet");
    BOOST_TEST(domain.count("//os/loader") + domain.count("//os/boot") == 0);
    spec.accel = Accel::tcg;
    spec.image.initrd.clear();
    const ParsedSpec emulated{spec};
    BOOST_TEST(emulated.at("//os/cmdline") == "console=ttyS0 quiet mitigations=off");
    BOOST_TEST(emulated.count("//os/initrd") == 0);
}

BOOST_AUTO_TEST_CASE(only_an_ephemeral_disk_is_written_without_its_guests_flushes)
{
    auto spec = sample_spec();
    BOOST_TEST(ParsedSpec{spec}.at("//disk/driver/@cache") == "writeback");
    spec.sandbox.disk = DiskKind::ephemeral;
    BOOST_TEST(ParsedSpec{spec}.at("//disk/driver/@cache") == "unsafe");
}

BOOST_AUTO_TEST_CASE(firmware_boots_from_the_disk)
{
    auto spec = sample_spec();
    spec.image.boot = Boot::bios;
    const ParsedSpec bios{spec};
    BOOST_TEST(bios.at("//os/boot/@dev") == "hd");
    BOOST_TEST(bios.count("//os/kernel") + bios.count("//os/loader") + bios.count("//os/nvram") ==
               0);
    spec.image.boot = Boot::uefi;
    Platform platform;
    platform.ovmf_code = "/fw/code.fd";
    platform.ovmf_vars = "/fw/vars.fd";
    const ParsedSpec uefi{spec, platform};
    BOOST_TEST(uefi.at("//os/boot/@dev") == "hd");
    BOOST_TEST(uefi.at("//os/loader") == "/fw/code.fd");
    BOOST_TEST(uefi.at("//os/loader/@readonly") == "yes");
    BOOST_TEST(uefi.at("//os/nvram") == "/s/folder/nvram.fd");
    BOOST_TEST(uefi.at("//os/nvram/@template") == "/fw/vars.fd");
}

BOOST_AUTO_TEST_CASE(the_interface_is_isolated_and_named_and_missing_without_a_network)
{
    auto spec = sample_spec();
    const ParsedSpec domain{spec};
    BOOST_TEST(domain.count("//interface") == 1);
    BOOST_TEST(domain.at("//interface/source/@network") == "paddock");
    BOOST_TEST(domain.at("//interface/mac/@address") == "52:54:00:00:00:01");
    BOOST_TEST(domain.at("//interface/target/@dev") == "pdkaaaaaaaaaaaa");
    BOOST_TEST(domain.at("//interface/port/@isolated") == "yes");
    spec.sandbox.network = NetworkMode::none;
    BOOST_TEST(ParsedSpec{spec}.count("//interface") == 0);
}

BOOST_AUTO_TEST_CASE(no_value_breaks_out_of_its_place)
{
    auto spec = sample_spec();
    spec.image.boot = Boot::kernel;
    spec.accel = Accel::kvm;
    const auto elements = ParsedSpec{spec}.count("//*");
    spec.sandbox.name = spec.sandbox.tenant = spec.cpu_model = spec.image.cmdline = hostile;
    spec.sandbox.image = common::ImageName{hostile};
    spec.image.disk = spec.image.kernel = spec.image.initrd = hostile;
    spec.files = {hostile, hostile, hostile, hostile, hostile};
    spec.net = {hostile, hostile, hostile, hostile};
    spec.spec_digest = hostile;
    Platform platform;
    platform.machine = hostile;
    const ParsedSpec domain{spec, platform};
    BOOST_TEST(domain.count("//*") == elements);
    BOOST_TEST(domain.count("//comment()") == 0);
    for (const auto* path : {"/domain/title",
                             "//os/cmdline",
                             "//os/kernel",
                             "//os/initrd",
                             "//os/type/@machine",
                             "/domain/cpu/model",
                             "//disk/source/@file",
                             "//disk/backingStore/source/@file",
                             "//interface/source/@network",
                             "//interface/target/@dev",
                             "//serial/source/@path",
                             "//channel/source/@path",
                             "//p:sandbox/@tenant"}) {
        BOOST_TEST_CONTEXT(path)
        {
            BOOST_TEST((domain.at(path) == hostile || domain.at(path) == "many"));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_xml_cannot_hold_is_replaced)
{
    auto spec = sample_spec();
    spec.sandbox.name = std::string{"a\0b\x07", 4};
    BOOST_TEST(ParsedSpec{spec}.at("/domain/title") == "a\xEF\xBF\xBD"
                                                       "b\xEF\xBF\xBD");
}

BOOST_AUTO_TEST_CASE(the_metadata_in_the_definition_reads_back_as_the_spec)
{
    const auto spec = sample_spec();
    const ParsedSpec domain{spec};
    BOOST_TEST(domain.count("/domain/metadata/p:sandbox") == 1);
    BOOST_TEST(domain.at("/domain/metadata/p:sandbox/@id") == spec.sandbox.id.str());
    BOOST_TEST(domain.at("/domain/metadata/p:sandbox/@generation") == "7");
}

BOOST_AUTO_TEST_SUITE_END()
