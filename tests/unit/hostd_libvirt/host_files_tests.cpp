#include "hostd/libvirt/host_files.hpp"

#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "tests/unit/hostd_libvirt/domain_samples.hpp"
#include "tests/unit/hostd_libvirt/parsed_xml.hpp"

#include <boost/test/unit_test.hpp>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;

namespace {

/// Of a guest that booted a kernel, on a host with another state_dir; or its disk.
struct Elsewhere {
    const std::string no_variables =
        with(captured, "<nvram template='/fw/vars.fd'>/s/old/nvram.fd</nvram>", "");
    const std::string from_elsewhere =
        with(no_variables,
             "</os>",
             "<kernel>/other/images/tiny/kernel</kernel><initrd>/other/images/tiny/initrd</initrd>"
             "<cmdline>console=ttyS0</cmdline></os>");
};

common::Result<std::string> placed_here(const std::string& xml, const Image& image)
{
    const auto record = record_of(sample_spec());
    COMMON_TRY(const auto definition, reborn(xml, record, "00000000-1111-4222-8333-444444444444"));
    return at_home(definition, record, image);
}

void is_not_taken(const std::string& xml, const Image& image = sample_spec().image)
{
    const auto result = placed_here(xml, image);
    BOOST_REQUIRE(!result);
    BOOST_CHECK(result.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(result.error().reason == "state_incompatible");
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(host_files_tests, Elsewhere)

BOOST_AUTO_TEST_CASE(what_it_boots_from_is_what_this_host_has)
{
    const auto result = placed_here(from_elsewhere, sample_spec().image);
    BOOST_REQUIRE_MESSAGE(result, (result ? "" : result.error().message));
    const Parsed domain{*result};
    BOOST_TEST(domain.at("//os/kernel") == "/images/tiny/kernel");
    BOOST_TEST(domain.at("//os/initrd") == "/images/tiny/initrd");
    BOOST_TEST(domain.at("//os/cmdline") == "console=ttyS0"); // The guest's own.
    BOOST_TEST(domain.count("//emulator") == 0);
    BOOST_TEST(domain.at("//rng/backend") == "/dev/urandom");
    BOOST_TEST(domain.at("//disk/address/@bus") == "0x04");
    BOOST_TEST(domain.at("//q:del/@capability") == "cpu-unavailable-features");
}

BOOST_AUTO_TEST_CASE(one_that_boots_its_disk_names_nothing_to_boot_from)
{
    auto image = sample_spec().image;
    image.boot = Boot::bios;
    image.kernel.clear();
    image.initrd.clear();
    BOOST_TEST(placed_here(no_variables, image).has_value());
    is_not_taken(from_elsewhere, image);
    is_not_taken(no_variables); // Of an image with a kernel.
    auto bare = sample_spec().image;
    bare.initrd.clear();
    is_not_taken(from_elsewhere, bare);
    is_not_taken(with(from_elsewhere, "<kernel>", "<kernel>/etc/shadow</kernel><kernel>"));
}

BOOST_AUTO_TEST_CASE(firmware_is_a_distributions)
{
    auto image = sample_spec().image;
    image.boot = Boot::uefi;
    const auto variables = with(captured, "/fw/vars.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd");
    const std::string loader = "<loader readonly='yes' type='pflash'>";
    const auto firmware =
        with(variables, "</os>", loader + "/usr/share/OVMF/OVMF_CODE_4M.fd</loader></os>");
    BOOST_TEST(placed_here(firmware, image).has_value());
    is_not_taken(firmware);
    is_not_taken(captured, image);
    for (const std::string file : {"/etc/shadow", "/usr/share/../../etc/shadow", "/usr/shared/x"}) {
        is_not_taken(with(firmware, "/usr/share/OVMF/OVMF_CODE_4M.fd", file), image);
        is_not_taken(with(firmware, "/usr/share/OVMF/OVMF_VARS_4M.fd", file), image);
    }
}

BOOST_AUTO_TEST_CASE(nothing_names_a_file_of_this_host_that_is_not_its_own)
{
    const auto more = [this](const std::string& end, const std::string& what) {
        return with(from_elsewhere, end, what + end);
    };
    is_not_taken("");
    is_not_taken(more("</domain>",
                      "<sysinfo type='fwcfg'><entry name='opt/x' file='/etc/shadow'/></sysinfo>"));
    is_not_taken(more("</domain>", "<qemu:override/>"));
    is_not_taken(more("</domain>", "<os/>"));
    is_not_taken(more("</os>", "<acpi><table type='slic'>/etc/shadow</table></acpi>"));
    is_not_taken(more("</os>", "<dtb>/etc/shadow</dtb>"));
    is_not_taken(more("</memoryBacking>", "<source type='file'/>"));
    is_not_taken(more("</serial>", "<log file='/etc/cron.d/x' append='on'/>"));
    is_not_taken(more("</channel>", "<log file='/etc/cron.d/x' append='on'/>"));
    is_not_taken(more("</interface>", "<script path='/bin/x'/>"));
    is_not_taken(more("</interface>", "<backend tap='/dev/x'/>"));
    is_not_taken(more("</disk>", "<mirror type='file' file='/etc/x'/>"));
    is_not_taken(with(from_elsewhere, "isolated='yes'", "isolated='no'"));
    is_not_taken(with(from_elsewhere, "<port isolated='yes'/>", ""));
    is_not_taken(with(from_elsewhere, "model='random'", "model='egd'"));
    is_not_taken(with(from_elsewhere, "type='none'/>", "type='file' path='/etc/x'/>"));
    is_not_taken(with(from_elsewhere,
                      "<input type='mouse' bus='ps2'/>",
                      "<input type='evdev'><source dev='/dev/input/event0'/></input>"));
    const auto random =
        placed_here(with(from_elsewhere, "/dev/urandom", "/etc/shadow"), sample_spec().image);
    BOOST_REQUIRE(random);
    BOOST_TEST(random->find("/etc/shadow") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(its_disk_is_read_as_ours_are_and_qemu_is_kept_from_the_host)
{
    const std::string driver = "<driver name='qemu' type='qcow2' cache='writeback'";
    is_not_taken(with(from_elsewhere, driver, "<driver name='qemu' type='raw' cache='writeback'"));
    is_not_taken(with(from_elsewhere, driver, "<driver name='qemu' type='qcow2' cache='unsafe'"));
    is_not_taken(with(from_elsewhere, driver, "<driver name='phy' type='qcow2' cache='writeback'"));
    is_not_taken(with(from_elsewhere, "cpu-unavailable-features", "seccomp-blacklist"));
    is_not_taken(with(from_elsewhere, "<qemu:del ", "<qemu:add capability='x'/><qemu:del "));
    is_not_taken(
        with(from_elsewhere, "</cpu>", "<numa><cell id='0' cpus='0' memory='9'/></numa></cpu>"));
    const auto more = [this](const std::string& what) {
        return with(from_elsewhere, "</domain>", what + "</domain>");
    };
    is_not_taken(more("<on_crash>coredump-destroy</on_crash>"));
    is_not_taken(more("<cputune><vcpusched vcpus='0' scheduler='fifo' priority='99'/></cputune>"));
    const auto tuned = placed_here(more("<cputune><shares>10000</shares></cputune>"
                                        "<resource><partition>/system</partition></resource>"),
                                   sample_spec().image);
    BOOST_REQUIRE(tuned);
    const Parsed domain{*tuned};
    BOOST_TEST(domain.at("//cputune/shares") == "200"); // Of two vCPUs.
    BOOST_TEST(domain.count("//resource") == 0);
}

BOOST_AUTO_TEST_CASE(it_is_no_larger_than_was_admitted)
{
    is_not_taken(with(from_elsewhere, "<memory unit='KiB'>262144<", "<memory unit='KiB'>524288<"));
    is_not_taken(with(from_elsewhere, "<vcpu placement='static'>2<", "<vcpu>64<"));
    is_not_taken(with(from_elsewhere, "<vcpu placement='static'>2</vcpu>", ""));
}

BOOST_AUTO_TEST_SUITE_END()
