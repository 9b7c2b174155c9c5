#include "hostd/libvirt/host_files.hpp"

#include "hostd/libvirt/captured_xml.hpp"
#include "hostd/libvirt/domain_xml.hpp"
#include "hostd/libvirt/xml.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <initializer_list>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

using Names = std::initializer_list<std::string_view>;

Error not_its_own(std::string_view what)
{
    return {ErrorCode::failed_precondition,
            fmt::format("the domain is not as Paddock's are: {}", what),
            "state_incompatible"};
}

/// An element that is not known may name anything.
Result<> has_only(const xmlNode* parent, Names known)
{
    for (const auto* each : xml::children(parent)) {
        if (std::ranges::none_of(known,
                                 [each](auto name) { return xml::is_element(each, name); })) {
            return not_its_own(fmt::format("{} in {}",
                                           reinterpret_cast<const char*>(each->name),
                                           reinterpret_cast<const char*>(parent->name)));
        }
    }
    return {};
}

/// How much of the host it gets, and what becomes of it when it ends, as Paddock's have it.
Result<> check_shares(xmlNode* root, const SandboxSpec& spec)
{
    xml::drop_children(root, "resource"); // libvirt's own choice.
    for (auto* tuning : xml::children(root, "cputune")) {
        COMMON_CHECK(has_only(tuning, {"shares"}));
        for (auto* shares : xml::children(tuning)) {
            xml::set_text(shares, std::to_string(cpu_shares_of(spec)));
        }
    }
    for (const auto* cpu : xml::children(root, "cpu")) {
        COMMON_CHECK(has_only(cpu, {"model", "vendor", "feature", "topology"}));
    }
    for (auto* vcpu : xml::children(root, "vcpu")) {
        xml::drop_attribute(vcpu, "cpuset");
    }
    for (const char* end : {"on_poweroff", "on_reboot", "on_crash"}) {
        for (auto* each : xml::children(root, end)) {
            if (const auto what = xml::text_of(each); what != "destroy" && what != "restart") {
                return not_its_own(fmt::format("{} {}", end, what));
            }
        }
    }
    return {};
}

/// More than this would take away what keeps QEMU from the host.
Result<> check_capabilities(const xmlNode* root)
{
    for (const auto* all : xml::children(root, "capabilities")) {
        COMMON_CHECK(has_only(all, {"del"}));
        for (auto* one : xml::children(all)) {
            if (xml::attribute(one, "capability") != unasked_capability) {
                return not_its_own("another QEMU than there is");
            }
        }
    }
    return {};
}

/// Read as anything else, its guest could have its disk name another's.
Result<> check_disk(const xmlNode* disk, const SandboxSpec& spec)
{
    COMMON_CHECK(has_only(disk, {"driver", "source", "target", "alias", "address"}));
    const auto drivers = xml::children(disk, "driver");
    if (drivers.size() != 1 || xml::attribute(drivers.front(), "name") != "qemu" ||
        xml::attribute(drivers.front(), "type") != "qcow2" ||
        xml::attribute(drivers.front(), "cache") != cache_of(spec.disk)) {
        return not_its_own("how its disk is read and written");
    }
    return {};
}

Result<> check_root(const xmlNode* root)
{
    COMMON_CHECK(has_only(
        root, {"name",          "uuid",          "title",       "metadata",  "memory",   "vcpu",
               "currentMemory", "memoryBacking", "cputune",     "resource",  "os",       "features",
               "cpu",           "clock",         "on_poweroff", "on_reboot", "on_crash", "pm",
               "devices",       "capabilities"}));
    for (const auto* backing : xml::children(root, "memoryBacking")) {
        COMMON_CHECK(has_only(backing, {"nosharepages"}));
    }
    return {};
}

Result<> check_size(const xmlNode* root, std::string_view definition, const SandboxSpec& spec)
{
    COMMON_TRY(const auto ram, ram_block_of(definition));
    // libvirt rounds it up.
    if (ram.size.count() > spec.memory.count() + common::Bytes::mib(1).count() ||
        xml::children(root, "vcpu").size() != 1 ||
        xml::text_of(xml::child(root, "vcpu")) != std::to_string(spec.vcpus)) {
        return not_its_own("its memory or its CPUs");
    }
    return {};
}

/// Exactly one if there is such a file here, else none.
Result<> place(xmlNode* os, const char* name, const std::filesystem::path& file)
{
    const auto found = xml::children(os, name);
    if (found.size() != (file.empty() ? 0U : 1U)) {
        return not_its_own(fmt::format("it has {} elements {}", found.size(), name));
    }
    for (auto* element : found) {
        xml::drop_children(element, "");
        xml::set_text(element, file.string());
    }
    return {};
}

/// Of a distribution's firmware, which every host has by itself.
bool is_firmware(const std::string& file)
{
    return file.starts_with("/usr/share/") && file.find("/../") == std::string::npos;
}

Result<> set_boot(const xmlNode* root, const Image& image)
{
    const auto found = xml::children(root, "os");
    if (found.size() != 1) {
        return not_its_own("how it boots");
    }
    auto* os = found.front();
    COMMON_CHECK(has_only(
        os, {"type", "loader", "nvram", "boot", "kernel", "initrd", "cmdline", "firmware"}));
    const bool by_kernel = image.boot == Boot::kernel;
    COMMON_CHECK(place(os, "kernel", by_kernel ? image.kernel : std::filesystem::path{}));
    COMMON_CHECK(place(os, "initrd", by_kernel ? image.initrd : std::filesystem::path{}));
    for (auto* loader : xml::children(os, "loader")) {
        if (image.boot != Boot::uefi || !is_firmware(xml::text_of(loader))) {
            return not_its_own("its firmware");
        }
    }
    for (auto* variables : xml::children(os, "nvram")) {
        const auto from = xml::attribute(variables, "template");
        if (image.boot != Boot::uefi || !(from.empty() || is_firmware(from))) {
            return not_its_own("its firmware's variables");
        }
    }
    return {};
}

Result<> set_random(xmlNode* rng)
{
    COMMON_CHECK(has_only(rng, {"backend", "rate", "driver", "alias", "address"}));
    for (auto* backend : xml::children(rng, "backend")) {
        if (xml::attribute(backend, "model") != "random") {
            return not_its_own("where its random numbers come from");
        }
        xml::drop_children(backend, "");
        xml::set_text(backend, "/dev/urandom");
    }
    return {};
}

Result<> check_interface(xmlNode* interface)
{
    COMMON_CHECK(
        has_only(interface, {"mac", "source", "port", "target", "model", "alias", "address"}));
    const auto ports = xml::children(interface, "port");
    if (ports.size() != 1 || xml::attribute(ports.front(), "isolated") != "yes") {
        return not_its_own("its interface sees others");
    }
    return {};
}

Result<> check_device(xmlNode* device, const SandboxSpec& spec)
{
    if (xml::is_element(device, "disk")) {
        return check_disk(device, spec);
    }
    if (xml::is_element(device, "interface")) {
        return check_interface(device);
    }
    if (xml::is_element(device, "serial") || xml::is_element(device, "channel")) {
        return has_only(device, {"source", "target", "alias", "address"}); // No second log.
    }
    if (xml::is_element(device, "controller")) {
        return has_only(device, {"model", "target", "driver", "alias", "address"});
    }
    if (xml::is_element(device, "input")) {
        return has_only(device, {"driver", "alias", "address"});
    }
    if (xml::is_element(device, "audio") && xml::attribute(device, "type") != "none") {
        return not_its_own("sound");
    }
    return xml::is_element(device, "rng") ? set_random(device) : Result<>{};
}

} // namespace

Result<std::string>
at_home(std::string_view definition, const DomainRecord& record, const Image& image)
{
    const auto document = xml::parse(definition);
    auto* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    if (root == nullptr) {
        return not_its_own("no XML");
    }
    COMMON_CHECK(check_root(root));
    COMMON_CHECK(check_capabilities(root));
    COMMON_CHECK(check_shares(root, record.sandbox));
    COMMON_CHECK(check_size(root, definition, record.sandbox));
    COMMON_CHECK(set_boot(root, image));
    auto* devices = xml::child(root, "devices");
    xml::drop_children(devices, "emulator");
    for (auto* device : xml::children(devices)) {
        COMMON_CHECK(check_device(device, record.sandbox));
    }
    return xml::to_text(document);
}

} // namespace hostd::libvirt
