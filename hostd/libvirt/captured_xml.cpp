#include "hostd/libvirt/captured_xml.hpp"

#include "hostd/libvirt/domain_xml.hpp"
#include "hostd/libvirt/metadata.hpp"
#include "hostd/libvirt/xml.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hostd::libvirt {

using common::Bytes;
using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr const char* qemu_uri = "http://libvirt.org/schemas/domain/qemu/1.0";
constexpr std::string_view agent_port = "org.paddock.agent.0";

Error not_ours(const std::string& what)
{
    return {ErrorCode::failed_precondition,
            "the domain is not as Paddock's are: " + what,
            "state_incompatible"};
}

/// A domain's document, changed in place.
struct Tree {
    xml::Document document;
    xmlNode* root = nullptr;
    xmlNode* devices = nullptr;
};

/// The only one of its name.
Result<xmlNode*> only(const xmlNode* parent, std::string_view name)
{
    const auto found = xml::children(parent, name);
    if (found.size() != 1) {
        return not_ours(fmt::format("it has {} elements {}", found.size(), name));
    }
    return found.front();
}

/// No file system, no host device, no display: nothing whose state is elsewhere.
Result<> check_devices(const xmlNode* devices)
{
    constexpr std::array<std::string_view, 11> known{"emulator",
                                                     "disk",
                                                     "controller",
                                                     "interface",
                                                     "serial",
                                                     "console",
                                                     "channel",
                                                     "input",
                                                     "audio",
                                                     "memballoon",
                                                     "rng"};
    for (const auto* device : xml::children(devices)) {
        if (std::ranges::none_of(known,
                                 [device](auto name) { return xml::is_element(device, name); })) {
            return not_ours(fmt::format("device {}", reinterpret_cast<const char*>(device->name)));
        }
    }
    return {};
}

Result<Tree> read(std::string_view text)
{
    Tree tree;
    tree.document = xml::parse(text);
    tree.root = tree.document ? xmlDocGetRootElement(tree.document.get()) : nullptr;
    if (tree.root == nullptr || !xml::is_element(tree.root, "domain")) {
        return not_ours("no XML element domain");
    }
    COMMON_TRY(tree.devices, only(tree.root, "devices"));
    COMMON_CHECK(check_devices(tree.devices));
    return tree;
}

/// Ours only: nobody else's arguments reach QEMU.
Result<> check_commandline(const xmlNode* commandline)
{
    const auto arguments = xml::children(commandline);
    const auto value = [&arguments](std::size_t i) {
        return xml::attribute(arguments[i], "value");
    };
    if (arguments.size() != 4 || value(0) != "-object" || value(2) != "-machine" ||
        value(3) != fmt::format("memory-backend={}", loaded_ram)) {
        return not_ours("arguments for QEMU");
    }
    return {};
}

/// libvirt finds one anew where there is none.
void drop_seclabels(xmlNode* element)
{
    for (auto* each : xml::children(element)) {
        if (xml::is_element(each, "seclabel")) {
            xml::drop(each);
        } else {
            drop_seclabels(each);
        }
    }
}

Result<> forget_the_run(const Tree& tree)
{
    xml::drop_attribute(tree.root, "id");
    drop_seclabels(tree.root);
    for (auto* commandline : xml::children(tree.root, "commandline")) {
        COMMON_CHECK(check_commandline(commandline));
        xml::drop(commandline);
    }
    for (auto* port : xml::children(tree.devices, "channel")) {
        if (xml::attribute(xml::child(port, "target"), "name") != agent_port) {
            xml::drop_children(port, "source"); // Below a folder with the domain's number.
        }
    }
    // The same as the serial port, for old guests; libvirt makes it again.
    xml::drop_children(tree.devices, "console");
    return {};
}

Result<> set_name(const Tree& tree, const std::string& name, const std::string& uuid)
{
    COMMON_TRY(auto* name_element, only(tree.root, "name"));
    COMMON_TRY(auto* uuid_element, only(tree.root, "uuid"));
    xml::set_text(name_element, name);
    xml::set_text(uuid_element, uuid);
    return {};
}

Result<> set_disk(const Tree& tree, const std::filesystem::path& top)
{
    COMMON_TRY(auto* disk, only(tree.devices, "disk"));
    if (xml::attribute(disk, "type") != "file" || xml::attribute(disk, "device") != "disk") {
        return not_ours("a disk that is no file");
    }
    COMMON_TRY(auto* source, only(disk, "source"));
    xml::drop_children(disk, "backingStore");
    xml::drop_children(source, "");
    xml::drop_attribute(source, "index");
    xml::set_attribute(source, "file", top.string());
    return {};
}

Result<> set_interface(const Tree& tree, const NetLease& net)
{
    if (net.network.empty()) {
        return xml::children(tree.devices, "interface").empty() ? Result<>{}
                                                                : not_ours("it has a network");
    }
    COMMON_TRY(auto* interface, only(tree.devices, "interface"));
    COMMON_TRY(auto* mac, only(interface, "mac"));
    COMMON_TRY(auto* source, only(interface, "source"));
    if (xml::attribute(interface, "type") != "network") {
        return not_ours("an interface that is on no network");
    }
    xml::set_attribute(mac, "address", net.mac);
    xml::drop_attribute(source, "portid");
    xml::drop_attribute(source, "bridge");
    xml::set_attribute(source, "network", net.network);
    xml::drop_children(interface, "target");
    auto* target =
        xmlNewChild(interface, nullptr, reinterpret_cast<const xmlChar*>("target"), nullptr);
    xml::set_attribute(target, "dev", net.tap);
    return {};
}

Result<> set_ports(const Tree& tree, const SandboxFiles& files)
{
    COMMON_TRY(auto* serial, only(tree.devices, "serial"));
    COMMON_TRY(auto* log, only(serial, "source"));
    if (xml::attribute(serial, "type") != "file") {
        return not_ours("a serial port that is no file");
    }
    xml::set_attribute(log, "path", files.console_log.string());
    xmlNode* agent = nullptr;
    for (auto* port : xml::children(tree.devices, "channel")) {
        const bool is_agent = xml::attribute(xml::child(port, "target"), "name") == agent_port;
        if (xml::attribute(port, "type") != "unix" || (is_agent && agent != nullptr)) {
            return not_ours("its channels");
        }
        agent = is_agent ? port : agent;
    }
    if (agent == nullptr) {
        return not_ours("no channel of the agent's");
    }
    COMMON_TRY(auto* socket, only(agent, "source"));
    xml::set_attribute(socket, "path", files.agent_socket.string());
    return {};
}

Result<> set_variables(const Tree& tree, const SandboxFiles& files)
{
    COMMON_TRY(auto* os, only(tree.root, "os"));
    if (auto* nvram = xml::child(os, "nvram")) {
        xml::drop_children(nvram, "");
        xml::set_text(nvram, files.nvram.string());
    }
    return {};
}

Result<> set_identity(const Tree& tree, const DomainRecord& record)
{
    COMMON_TRY(auto* title, only(tree.root, "title"));
    COMMON_TRY(auto* metadata, only(tree.root, "metadata"));
    xml::set_text(title, record.sandbox.name);
    xml::drop_children(metadata, "");
    const auto ours = xml::parse(metadata_element(record, Prefix::with));
    auto* element = ours ? xmlDocGetRootElement(ours.get()) : nullptr;
    if (element == nullptr) {
        return Error{ErrorCode::internal, "Paddock's metadata are not XML"};
    }
    xmlAddChild(metadata, xmlDocCopyNode(element, tree.document.get(), /*recursive=*/1));
    return {};
}

Result<Bytes> memory_of(const Tree& tree)
{
    COMMON_TRY(auto* memory, only(tree.root, "memory"));
    const auto text = xml::text_of(memory);
    const auto unit = xml::attribute(memory, "unit");
    std::uint64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, count);
    constexpr std::uint64_t most = std::uint64_t{1} << 40U; // A PiB in KiB.
    if (error != std::errc{} || stop != end || count == 0 || count > most || unit != "KiB") {
        return not_ours("its memory");
    }
    return Bytes::kib(count);
}

void add_argument(xmlNode* commandline, const std::string& value)
{
    auto* argument =
        xmlNewChild(commandline, commandline->ns, reinterpret_cast<const xmlChar*>("arg"), nullptr);
    xml::set_attribute(argument, "value", value);
}

xmlNs* qemu_namespace(const Tree& tree)
{
    const auto* uri = reinterpret_cast<const xmlChar*>(qemu_uri);
    auto* found = xmlSearchNsByHref(tree.document.get(), tree.root, uri);
    return found != nullptr ? found
                            : xmlNewNs(tree.root, uri, reinterpret_cast<const xmlChar*>("qemu"));
}

} // namespace

Result<RamBlock> ram_block_of(std::string_view live_xml)
{
    COMMON_TRY(const auto tree, read(live_xml));
    COMMON_TRY(const auto size, memory_of(tree));
    const auto* commandline = xml::child(tree.root, "commandline");
    if (commandline == nullptr) {
        return RamBlock{started_ram, size};
    }
    COMMON_CHECK(check_commandline(commandline));
    return RamBlock{loaded_ram, size};
}

Result<Identity> identity_of(std::string_view domain_xml)
{
    COMMON_TRY(const auto tree, read(domain_xml));
    COMMON_TRY(auto* name, only(tree.root, "name"));
    COMMON_TRY(auto* uuid, only(tree.root, "uuid"));
    COMMON_TRY(auto* metadata, only(tree.root, "metadata"));
    COMMON_TRY(auto* sandbox, only(metadata, "sandbox"));
    const auto record = parse_metadata(xml::to_text(xml::alone(sandbox)));
    if (!record) {
        return not_ours(record.error().message);
    }
    return Identity{
        xml::text_of(name), xml::text_of(uuid), record->sandbox.id, record->incarnation};
}

Result<std::string>
renamed(std::string_view captured, const std::string& name, const std::string& uuid)
{
    COMMON_TRY(const auto tree, read(captured));
    COMMON_CHECK(forget_the_run(tree));
    COMMON_CHECK(set_name(tree, name, uuid));
    return xml::to_text(tree.document);
}

Result<std::string>
reborn(std::string_view captured, const DomainRecord& record, const std::string& uuid)
{
    COMMON_TRY(const auto tree, read(captured));
    COMMON_CHECK(forget_the_run(tree));
    COMMON_CHECK(set_name(tree, domain_name(record.sandbox.id, record.incarnation), uuid));
    COMMON_CHECK(set_identity(tree, record));
    COMMON_CHECK(set_disk(tree, record.files.overlay));
    COMMON_CHECK(set_interface(tree, record.net));
    COMMON_CHECK(set_ports(tree, record.files));
    COMMON_CHECK(set_variables(tree, record.files));
    return xml::to_text(tree.document);
}

Result<std::string> with_memory_file(std::string_view domain_xml,
                                     const std::filesystem::path& memory)
{
    COMMON_TRY(const auto tree, read(domain_xml));
    COMMON_TRY(const auto size, memory_of(tree));
    if (xml::child(tree.root, "commandline") != nullptr) {
        return not_ours("arguments for QEMU");
    }
    // Without the last property QEMU would name the block by the object's whole path, and find
    // nothing in the stream of that name.
    const nlohmann::json backend{{"qom-type", "memory-backend-file"},
                                 {"id", loaded_ram},
                                 {"mem-path", memory.string()},
                                 {"size", size.count()},
                                 {"share", false},
                                 {"x-use-canonical-path-for-ramblock-id", false}};
    auto* commandline = xmlNewChild(
        tree.root, qemu_namespace(tree), reinterpret_cast<const xmlChar*>("commandline"), nullptr);
    add_argument(commandline, "-object");
    add_argument(commandline,
                 backend.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    add_argument(commandline, "-machine");
    // The last one counts: libvirt's own object stays unused, and untouched memory costs nothing.
    add_argument(commandline, fmt::format("memory-backend={}", loaded_ram));
    return xml::to_text(tree.document);
}

Result<std::string> with_top(std::string_view domain_xml, const std::filesystem::path& top)
{
    COMMON_TRY(const auto tree, read(domain_xml));
    COMMON_CHECK(set_disk(tree, top));
    return xml::to_text(tree.document);
}

} // namespace hostd::libvirt
