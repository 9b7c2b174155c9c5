#include "hostd/libvirt/captured_xml.hpp"

#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/state_loading.hpp"
#include "tests/unit/hostd_libvirt/domain_samples.hpp"
#include "tests/unit/hostd_libvirt/parsed_xml.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;

namespace {

const std::string uuid = "00000000-1111-4222-8333-444444444444";

std::string made(const common::Result<std::string>& result)
{
    BOOST_REQUIRE_MESSAGE(result, (result ? "" : result.error().message));
    return *result;
}

DomainRecord record()
{
    auto spec = sample_spec();
    spec.incarnation = 3;
    return record_of(spec);
}

/// Refused as no domain of ours.
void refuses(const std::string& xml)
{
    const auto result = reborn(xml, record(), uuid);
    BOOST_REQUIRE(!result);
    BOOST_CHECK(result.error().code == ErrorCode::failed_precondition);
    BOOST_TEST(result.error().reason == "state_incompatible");
}

} // namespace

BOOST_AUTO_TEST_SUITE(captured_xml_tests)

BOOST_AUTO_TEST_CASE(whose_a_domain_is_its_metadata_tell_not_its_name)
{
    DomainRecord record;
    record.sandbox.id = common::SandboxId{"sbx-cccccccccccccccc"};
    record.incarnation = 7;
    auto xml = captured;
    const std::string_view before =
        R"(<paddock:sandbox xmlns:paddock="urn:paddock:1" id="sbx-bbbbbbbbbbbbbbbb"/>)";
    xml.replace(xml.find(before), before.size(), metadata_element(record, Prefix::with));
    const auto identity = identity_of(xml);
    BOOST_REQUIRE(identity.has_value());
    BOOST_TEST(identity->name == "sbx-bbbbbbbbbbbbbbbb.g2");
    BOOST_TEST(identity->uuid == "1c2c7eab-3b9f-403e-a84d-211cd9fa12b8");
    BOOST_TEST(identity->sandbox.str() == "sbx-cccccccccccccccc");
    BOOST_TEST(identity->incarnation == 7U);

    // Half of our element, and no domain at all.
    for (const auto& wrong : {captured, std::string{}}) {
        const auto refusal = identity_of(wrong);
        BOOST_REQUIRE(!refusal.has_value());
        BOOST_TEST(refusal.error().reason == "state_incompatible");
    }
}

BOOST_AUTO_TEST_CASE(a_captured_domain_becomes_what_the_record_says)
{
    const Parsed domain{made(reborn(captured, record(), uuid))};
    BOOST_TEST(domain.at("/domain/name") == "sbx-aaaaaaaaaaaaaaaa.g3");
    BOOST_TEST(domain.at("/domain/uuid") == uuid);
    BOOST_TEST(domain.at("/domain/title") == "web");
    BOOST_TEST(domain.count("/domain/metadata/*") == 1);
    BOOST_TEST(domain.at("/domain/metadata/p:sandbox/@id") == "sbx-aaaaaaaaaaaaaaaa");
    BOOST_TEST(domain.at("/domain/metadata/p:sandbox/@incarnation") == "3");
    BOOST_TEST(domain.at("//disk/source/@file") == "/s/folder/overlay.qcow2");
    BOOST_TEST(domain.at("//interface/mac/@address") == "52:54:00:00:00:01");
    BOOST_TEST(domain.at("//interface/target/@dev") == "pdkaaaaaaaaaaaa");
    BOOST_TEST(domain.at("//interface/source/@network") == "paddock");
    BOOST_TEST(domain.at("//interface/port/@isolated") == "yes");
    BOOST_TEST(domain.at("//serial/source/@path") == "/s/folder/console.log");
    BOOST_TEST(domain.at("//channel[target/@name='org.paddock.agent.0']/source/@path") ==
               "/s/folder/agent.sock");
    BOOST_TEST(domain.at("//os/nvram") == "/s/folder/nvram.fd");
    // What the guest has seen stays where it was.
    BOOST_TEST(domain.at("//disk/address/@bus") == "0x04");
    BOOST_TEST(domain.at("//q:del/@capability") == "cpu-unavailable-features");
}

BOOST_AUTO_TEST_CASE(nothing_of_the_captured_run_is_left)
{
    const auto xml = made(reborn(captured, record(), uuid));
    const Parsed domain{xml};
    for (const auto* path : {"/domain/@id",
                             "//seclabel",
                             "//disk/backingStore",
                             "//disk/source/@index",
                             "//interface/source/@portid",
                             "//interface/source/@bridge",
                             "//console",
                             "//channel[target/@name='org.qemu.guest_agent.0']/source"}) {
        BOOST_TEST(domain.count(path) == 0, path);
    }
    BOOST_TEST(xml.find("/s/old") == std::string::npos);
    BOOST_TEST(xml.find("bbbbbbbb") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(memory_is_a_private_mapping_of_the_file_and_replaces_an_earlier_one)
{
    const auto first = made(with_memory_file(captured, "/c/one/memory"));
    BOOST_TEST(ram_block_of(captured)->name == started_ram);
    BOOST_TEST(ram_block_of(first)->name == loaded_ram);
    BOOST_CHECK(ram_block_of(first)->size == common::Bytes::mib(256));
    BOOST_TEST(!with_memory_file(first, "/c/two/memory")); // Not twice.

    const Parsed domain{
        made(with_memory_file(made(reborn(first, record(), uuid)), "/c/t'w\"o/memory"))};
    BOOST_TEST(domain.count("//q:commandline") == 1);
    BOOST_TEST(domain.count("//q:commandline/q:arg") == 4);
    const auto backend = nlohmann::json::parse(domain.at("//q:arg[2]/@value"));
    BOOST_TEST(backend.at("mem-path") == "/c/t'w\"o/memory");
    BOOST_TEST(backend.at("size") == std::uint64_t{256} << 20U);
    BOOST_TEST(backend.at("share") == false);
    BOOST_TEST(domain.at("//q:arg[4]/@value") == "memory-backend=paddock.ram");
}

BOOST_AUTO_TEST_CASE(a_disk_gets_another_top_and_nothing_else_changes)
{
    const Parsed domain{made(with_top(captured, "/s/new & top.qcow2"))};
    BOOST_TEST(domain.at("//disk/source/@file") == "/s/new & top.qcow2");
    BOOST_TEST(domain.count("//disk/backingStore") == 0);
    BOOST_TEST(domain.at("/domain/name") == "sbx-bbbbbbbbbbbbbbbb.g2");
    BOOST_TEST(domain.at("//disk/driver/@cache") == "writeback");
}

BOOST_AUTO_TEST_CASE(no_value_breaks_out_of_its_place)
{
    auto other = record();
    other.sandbox.name = other.sandbox.tenant = hostile;
    other.files = {hostile, hostile, hostile, hostile, hostile};
    other.net = {hostile, hostile, hostile, hostile};
    const auto elements = Parsed{made(reborn(captured, record(), uuid))}.count("//*");
    const Parsed domain{made(reborn(captured, other, hostile))};
    BOOST_TEST(domain.count("//*") == elements);
    BOOST_TEST(domain.count("//comment()") == 0);
    for (const auto* path : {"/domain/title",
                             "/domain/uuid",
                             "//disk/source/@file",
                             "//interface/target/@dev",
                             "//serial/source/@path",
                             "//os/nvram",
                             "//p:sandbox/@tenant"}) {
        BOOST_TEST(domain.at(path) == hostile, path);
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_as_ours_is_refused)
{
    refuses("");
    refuses("<domain");
    refuses("<network/>");
    refuses("<domain/>");
    refuses("<!DOCTYPE domain [<!ENTITY x 'y'>]>" + captured);
    const std::string end = "</devices>";
    for (const std::string device :
         {"<hostdev mode='subsystem' type='pci'/>",
          "<filesystem type='mount'><source dir='/'/><target dir='x'/></filesystem>",
          "<graphics type='vnc'/>",
          "<shmem name='x'/>",
          "<disk type='file' device='cdrom'><source file='/etc/shadow'/></disk>",
          "<disk type='block' device='disk'><source dev='/dev/sda'/></disk>",
          "<interface type='network'><mac address='52:54:00:00:00:98'/></interface>",
          "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>",
          "<serial type='pty'/>"}) {
        BOOST_TEST_CONTEXT(device)
        {
            refuses(with(captured, end, device + end));
        }
    }
    refuses(with(captured, "<disk type='file'", "<disk type='network'"));
    refuses(with(captured, "<interface type='network'", "<interface type='direct'"));
    refuses(with(captured, "org.paddock.agent.0", "org.example.agent.0"));
    refuses(with(captured, "<serial type='file'", "<serial type='unix'"));
    refuses(with(captured, "<name>", "<name>x</name><name>"));
    refuses(with(captured, "<title>old</title>", ""));
}

BOOST_AUTO_TEST_CASE(arguments_of_somebody_elses_for_qemu_are_refused)
{
    const std::string end = "</domain>";
    for (const std::string arguments :
         {"<qemu:arg value='-snapshot'/>",
          "<qemu:arg value='-object'/><qemu:arg value='x'/><qemu:arg value='-machine'/>"
          "<qemu:arg value='memory-backend=other'/>",
          ""}) {
        const auto xml =
            with(captured, end, "<qemu:commandline>" + arguments + "</qemu:commandline>" + end);
        refuses(xml);
        BOOST_TEST(!ram_block_of(xml));
        BOOST_TEST(!with_memory_file(xml, "/m"));
    }
}

BOOST_AUTO_TEST_CASE(a_size_of_memory_that_makes_no_sense_is_refused)
{
    for (const std::string memory : {"<memory unit='MiB'>256<",
                                     "<memory>262144<",
                                     "<memory unit='KiB'>0<",
                                     "<memory unit='KiB'>-1<",
                                     "<memory unit='KiB'>262144x<",
                                     "<memory unit='KiB'>99999999999999999<"}) {
        BOOST_TEST(!ram_block_of(with(captured, "<memory unit='KiB'>262144<", memory)), memory);
    }
}

BOOST_AUTO_TEST_CASE(a_network_must_be_there_exactly_if_the_record_has_one)
{
    auto none = record();
    none.net = {};
    BOOST_TEST(!reborn(captured, none, uuid));
    const auto from = captured.find("<interface");
    const auto to = captured.find("</interface>") + 12;
    auto without = captured;
    without.erase(from, to - from);
    refuses(without);
    BOOST_TEST(reborn(without, none, uuid).has_value());
}

BOOST_AUTO_TEST_CASE(uuids_are_of_version_4_and_differ)
{
    const auto one = fresh_uuid();
    BOOST_TEST(one.size() == 36U);
    BOOST_TEST(one[14] == '4');
    BOOST_TEST(one != fresh_uuid());
}

BOOST_AUTO_TEST_SUITE_END()
