#include "hostd/libvirt/metadata.hpp"

#include "hostd/libvirt/domain_xml.hpp"
#include "tests/unit/hostd_libvirt/domain_samples.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fmt/format.h>
#include <limits>
#include <set>

using namespace hostd;
using namespace hostd::libvirt;
using common::ErrorCode;

namespace {

std::string element()
{
    return metadata_element(record_of(sample_spec()), Prefix::without);
}

std::string replaced(std::string text, std::string_view what, std::string_view with)
{
    const auto at = text.find(what);
    BOOST_REQUIRE(at != std::string::npos);
    return text.replace(at, what.size(), with);
}

/// The refusal of what must be refused.
std::string refusal(const std::string& text)
{
    const auto record = parse_metadata(text);
    BOOST_REQUIRE_MESSAGE(!record, "taken: " << text.substr(0, 300));
    BOOST_CHECK(record.error().code == ErrorCode::invalid_argument);
    return record.error().message;
}

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(metadata_tests)

BOOST_AUTO_TEST_CASE(a_record_comes_back_whole_with_and_without_the_prefix)
{
    auto spec = sample_spec();
    for (const auto network : {NetworkMode::nat, NetworkMode::isolated, NetworkMode::none}) {
        for (const auto agent : {AgentKind::paddock, AgentKind::qemu, AgentKind::none}) {
            spec.sandbox.network = network;
            spec.sandbox.disk =
                network == NetworkMode::nat ? DiskKind::durable : DiskKind::ephemeral;
            spec.image.agent = agent;
            spec.incarnation = 4;
            const auto sent = record_of(spec);
            for (const auto prefix : {Prefix::with, Prefix::without}) {
                const auto came = parse_metadata(metadata_element(sent, prefix));
                BOOST_REQUIRE(came);
                BOOST_TEST((came->sandbox == sent.sandbox));
                BOOST_TEST(came->spec_digest == sent.spec_digest);
                BOOST_TEST(came->incarnation == 4U);
                BOOST_TEST(came->generation == 7U);
                BOOST_TEST((came->agent == agent));
                BOOST_TEST((came->net == sent.net));
                BOOST_TEST((came->created_at == sent.created_at));
                BOOST_TEST(came->files.folder == sent.files.folder);
                BOOST_TEST(came->files.overlay == sent.files.overlay);
                BOOST_TEST(came->files.nvram == sent.files.nvram);
                BOOST_TEST(came->files.console_log == sent.files.console_log);
                BOOST_TEST(came->files.agent_socket == sent.files.agent_socket);
            }
        }
    }
    BOOST_TEST(record_of(spec).domain_name == "sbx-aaaaaaaaaaaaaaaa.g4");
}

BOOST_AUTO_TEST_CASE(hostile_texts_come_back_as_they_were)
{
    auto spec = sample_spec();
    spec.sandbox.tenant = spec.sandbox.name = spec.spec_digest = hostile;
    spec.sandbox.image = common::ImageName{hostile};
    spec.net = {hostile, hostile, hostile, hostile};
    spec.files = {hostile, hostile, hostile, hostile, hostile};
    const auto came = parse_metadata(metadata_element(record_of(spec), Prefix::with));
    BOOST_REQUIRE(came);
    BOOST_TEST((came->sandbox == spec.sandbox));
    BOOST_TEST((came->net == spec.net));
    BOOST_TEST(came->files.agent_socket == spec.files.agent_socket);
}

BOOST_AUTO_TEST_CASE(the_largest_numbers_come_back_and_larger_ones_are_refused)
{
    auto spec = sample_spec();
    spec.generation = std::numeric_limits<std::uint64_t>::max();
    spec.sandbox.vcpus = std::numeric_limits<unsigned>::max();
    spec.created_at = common::from_unix_us(-5);
    const auto came = parse_metadata(metadata_element(record_of(spec), Prefix::without));
    BOOST_REQUIRE(came);
    BOOST_TEST(came->generation == spec.generation);
    BOOST_TEST(came->sandbox.vcpus == spec.sandbox.vcpus);
    BOOST_TEST((came->created_at == spec.created_at));
    BOOST_TEST(
        has(refusal(replaced(element(), "generation='7'", "generation='18446744073709551616'")),
            "generation: not a number"));
    BOOST_TEST(has(refusal(replaced(element(), "vcpus='2'", "vcpus='4294967296'")),
                   "vcpus: not a number"));
}

BOOST_AUTO_TEST_CASE(every_attribute_is_needed_and_the_missing_one_is_named)
{
    const std::set<std::string> names{
        "id",           "tenant",      "name",        "image",      "vcpus",  "memory_bytes",
        "network_mode", "spec_digest", "incarnation", "generation", "agent",  "created_at_us",
        "network",      "mac",         "ip",          "tap",        "folder", "overlay",
        "nvram",        "console_log", "agent_socket"};
    for (const auto& name : names) {
        const auto text = replaced(element(), " " + name + "=", " other_" + name + "=");
        BOOST_TEST(has(refusal(text), "attribute " + name + ": missing"));
    }
}

BOOST_AUTO_TEST_CASE(a_domain_from_before_there_were_kinds_of_disks_has_a_durable_one)
{
    const auto record = parse_metadata(replaced(element(), " disk='durable'", ""));
    BOOST_REQUIRE(record);
    BOOST_CHECK(record->sandbox.disk == DiskKind::durable);
}

BOOST_AUTO_TEST_CASE(malformed_values_are_refused_by_name)
{
    const auto with = [](std::string_view what, std::string_view value) {
        return refusal(replaced(element(), what, value));
    };
    BOOST_TEST(has(with("vcpus='2'", "vcpus='-2'"), "vcpus"));
    BOOST_TEST(has(with("vcpus='2'", "vcpus=''"), "vcpus"));
    BOOST_TEST(has(with("vcpus='2'", "vcpus=' 2'"), "vcpus"));
    BOOST_TEST(has(with("vcpus='2'", "vcpus='0x2'"), "vcpus"));
    BOOST_TEST(has(with("network_mode='nat'", "network_mode='bridge'"), "network_mode"));
    BOOST_TEST(has(with("disk='durable'", "disk='floppy'"), "disk"));
    BOOST_TEST(has(with("agent='paddock'", "agent=''"), "agent"));
    BOOST_TEST(has(with("id='sbx-aaaaaaaaaaaaaaaa'", "id='sbx-../../../../../.'"), "id"));
    BOOST_TEST(has(with("id='sbx-aaaaaaaaaaaaaaaa'", "id=''"), "id"));
}

BOOST_AUTO_TEST_CASE(what_is_not_our_element_is_refused)
{
    for (const auto& text : {std::string{},
                             std::string{"not xml"},
                             std::string{"<sandbox"},
                             std::string{"<sandbox/>"},
                             element() + element(),
                             element() + "x",
                             element().substr(0, element().size() - 1),
                             replaced(element(), "<sandbox", "<snapshot"),
                             replaced(element(), " id=", " id='sbx-bbbbbbbbbbbbbbbb' id=")}) {
        BOOST_TEST(!refusal(text).empty());
    }
}

BOOST_AUTO_TEST_CASE(entities_are_refused_and_a_bomb_of_them_costs_nothing)
{
    std::string bomb = "<!DOCTYPE s [<!ENTITY a0 'aaaaaaaaaa'>";
    for (int i = 1; i < 12; ++i) {
        bomb += fmt::format("<!ENTITY a{} '", i);
        for (int k = 0; k < 10; ++k) {
            bomb += fmt::format("&a{};", i - 1);
        }
        bomb += "'>";
    }
    bomb += "]>";
    const auto began = std::chrono::steady_clock::now();
    refusal(bomb + replaced(element(), "tenant='default'", "tenant='&a11;'"));
    refusal(bomb + element());
    BOOST_CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{5});
    refusal("<!DOCTYPE s [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>" +
            replaced(element(), "tenant='default'", "tenant='&f;'"));
    refusal("<!DOCTYPE s SYSTEM 'file:///etc/passwd'>" + element());
    refusal("<!DOCTYPE s [<!ATTLIST sandbox tenant CDATA 'default'>]>" +
            replaced(element(), " tenant='default'", ""));
}

BOOST_AUTO_TEST_CASE(endless_depth_and_length_are_refused)
{
    std::string deep;
    for (int i = 0; i < 100'000; ++i) {
        deep += "<a>";
    }
    refusal(deep);
    refusal(replaced(element(),
                     "tenant='default'",
                     "tenant='" + std::string(std::size_t{11} << 20U, 'a') + "'"));
}

BOOST_AUTO_TEST_CASE(the_first_disk_of_a_domain_is_found_or_nothing)
{
    BOOST_TEST(first_disk_of(domain_xml(sample_spec(), {})) == "/s/folder/overlay.qcow2");
    BOOST_TEST(first_disk_of("") == "");
    BOOST_TEST(first_disk_of("<domain/>") == "");
    BOOST_TEST(first_disk_of("<domain><devices/></domain>") == "");
    BOOST_TEST(first_disk_of("<domain><devices><disk type='network'><source protocol='rbd'/></disk>"
                             "</devices></domain>") == "");
    BOOST_TEST(first_disk_of("<domain><devices><disk><source file='/a&lt;b'/></disk></devices>"
                             "</domain>") == "/a<b");
}

BOOST_AUTO_TEST_CASE(what_a_disk_lies_on_is_what_libvirt_has_noted_of_it)
{
    using Files = std::vector<std::string>;
    BOOST_TEST(backing_files_of("<domain/>").empty());
    const std::string_view noted =
        "<domain><devices><disk><source file='/top'/>"
        "<backingStore type='file'><source file='/between'/>"
        "<backingStore type='file'><source file='/image'/>"
        "<backingStore/></backingStore></backingStore></disk>"
        "<disk><backingStore><source file='/other'/></backingStore></disk>"
        "</devices></domain>";
    BOOST_TEST((backing_files_of(noted) == Files{"/between", "/image"}));
    BOOST_TEST(
        backing_files_of("<domain><devices><disk><source file='/top'/></disk></devices></domain>")
            .empty());
}

BOOST_AUTO_TEST_SUITE_END()
