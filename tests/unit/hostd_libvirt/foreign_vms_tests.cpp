#include "hostd/libvirt/foreign_vms.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;

namespace {

constexpr std::string_view file_disk =
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
    "<source file='/vms/gold.qcow2'/><target dev='vda' bus='virtio'/></disk>";

std::string vm_with(std::string_view devices, std::string_view os = "<type>hvm</type>")
{
    return fmt::format("<domain type='kvm'><name>gold</name><memory unit='KiB'>2097152</memory>"
                       "<vcpu placement='static'>4</vcpu><os>{}</os><devices>{}</devices></domain>",
                       os,
                       devices);
}

std::string why_not(const std::string& xml)
{
    const auto source = foreign_source_of(xml);
    BOOST_REQUIRE(!source);
    BOOST_CHECK(source.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(source.error().reason == "vm_unsupported");
    return source.error().message;
}

} // namespace

BOOST_AUTO_TEST_SUITE(foreign_vms_tests)

BOOST_AUTO_TEST_CASE(its_one_disk_and_what_it_boots_by_are_read)
{
    const auto source = foreign_source_of(
        vm_with(std::string{file_disk} +
                "<disk type='file' device='cdrom'><target dev='sda'/></disk>"
                "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"
                "</channel>"));
    BOOST_REQUIRE(source.has_value());
    BOOST_TEST(source->disk == "/vms/gold.qcow2");
    BOOST_TEST(source->format == "qcow2");
    BOOST_TEST(source->target == "vda");
    BOOST_TEST(source->other_targets.size() == 1U);
    BOOST_TEST(source->other_targets.at(0) == "sda");
    BOOST_CHECK(source->boot == Boot::bios);
    BOOST_CHECK(source->agent == AgentKind::qemu);
    BOOST_TEST(source->vcpus == 4U);
    BOOST_TEST(source->memory.mib() == 2048U);
}

BOOST_AUTO_TEST_CASE(firmware_and_kernels_are_told_apart)
{
    const auto booted_by = [](std::string_view os) {
        const auto source = foreign_source_of(vm_with(file_disk, os));
        BOOST_REQUIRE(source.has_value());
        return *source;
    };
    BOOST_CHECK(booted_by("<type>hvm</type>").boot == Boot::bios);
    BOOST_CHECK(booted_by("<loader type='pflash'>/f.fd</loader>").boot == Boot::uefi);
    const auto kernel = booted_by("<kernel>/k</kernel><initrd>/i</initrd><cmdline>quiet</cmdline>");
    BOOST_CHECK(kernel.boot == Boot::kernel);
    BOOST_TEST(kernel.kernel == "/k");
    BOOST_TEST(kernel.initrd == "/i");
    BOOST_TEST(kernel.cmdline == "quiet");
    BOOST_CHECK(foreign_source_of("<domain><os firmware='efi'/><devices>" + std::string{file_disk} +
                                  "</devices></domain>")
                    ->boot == Boot::uefi);
}

BOOST_AUTO_TEST_CASE(a_format_that_is_not_said_is_raw)
{
    const auto source = foreign_source_of(
        vm_with("<disk type='file'><source file='/vms/gold.img'/><target dev='sda'/></disk>"));
    BOOST_REQUIRE(source.has_value());
    BOOST_TEST(source->disk == "/vms/gold.img");
    BOOST_TEST(source->format == "raw");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_copied_is_refused)
{
    BOOST_TEST(why_not("no xml").find("definition") != std::string::npos);
    BOOST_TEST(why_not(vm_with("")).find("no disk") != std::string::npos);
    BOOST_TEST(
        why_not(vm_with(std::string{file_disk} + std::string{file_disk})).find("more than one") !=
        std::string::npos);
    BOOST_TEST(why_not(vm_with("<disk type='network'><source protocol='rbd' name='p/i'/>"
                               "<target dev='vda'/></disk>"))
                   .find("'network'") != std::string::npos);
    why_not(vm_with("<disk type='block'><source dev='/dev/vg/gold'/><target dev='vda'/></disk>"));
    why_not(vm_with("<disk type='file'><source file='nbd:host:1'/><target dev='vda'/></disk>"));
}

BOOST_AUTO_TEST_SUITE_END()
