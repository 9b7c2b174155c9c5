#include "hostd/network/network_xml.hpp"

#include "hostd/virt/escape_xml.hpp"

#include <bit>
#include <fmt/format.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <memory>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

// stp off, delay 0: with libvirt's default a new tap passes nothing for five seconds.
// dhcp-ignore: see the header. The range only makes dnsmasq serve DHCP at all; each
// guest's address is its own entry.
constexpr std::string_view layout =
    R"(<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>{name}</name>
  {forward}<bridge name='{bridge}' stp='off' delay='0'/>
  {dns}
  <ip address='{gateway}' netmask='{mask}'>
    <dhcp>
      <range start='{first}' end='{last}'/>
    </dhcp>
  </ip>
  <dnsmasq:options>
    <dnsmasq:option value='dhcp-ignore=tag:!known'/>
    <dnsmasq:option value='dhcp-hostsfile={hosts_file}'/>
  </dnsmasq:options>
</network>
)";

using Document = std::unique_ptr<xmlDoc, decltype([](xmlDocPtr doc) { xmlFreeDoc(doc); })>;

std::string attribute(const xmlNode* node, const char* name)
{
    // libxml2 reads nodes through pointers that are not const.
    xmlChar* value = xmlGetNoNsProp(node, reinterpret_cast<const xmlChar*>(name));
    std::string text{value != nullptr ? reinterpret_cast<const char*>(value) : ""};
    xmlFree(value);
    return text;
}

std::vector<const xmlNode*> children(const xmlNode* parent, std::string_view name)
{
    std::vector<const xmlNode*> found;
    for (const auto* node = parent->children; node != nullptr; node = node->next) {
        if (node->type == XML_ELEMENT_NODE && reinterpret_cast<const char*>(node->name) == name) {
            found.push_back(node);
        }
    }
    return found;
}

std::optional<Subnet> subnet_of(const xmlNode* ip)
{
    if (const auto family = attribute(ip, "family"); !family.empty() && family != "ipv4") {
        return std::nullopt;
    }
    const auto address = attribute(ip, "address");
    if (const auto prefix = attribute(ip, "prefix"); !prefix.empty()) {
        return parse_subnet(address + "/" + prefix);
    }
    const auto mask = parse_address(attribute(ip, "netmask"));
    if (!mask) {
        return std::nullopt;
    }
    return parse_subnet(fmt::format("{}/{}", address, std::popcount(*mask)));
}

} // namespace

std::string
network_xml(const OwnNetwork& network, const Subnet& subnet, const std::string& hosts_file)
{
    const bool nat = network.mode == NetworkMode::nat;
    return fmt::format(
        layout,
        fmt::arg("name", network.name),
        fmt::arg("forward", nat ? "<forward mode='nat'/>\n  " : ""),
        fmt::arg("bridge", network.bridge),
        fmt::arg("dns", nat ? "<dns forwardPlainNames='no'/>" : "<dns enable='no'/>"),
        fmt::arg("gateway", to_string(subnet.gateway())),
        fmt::arg("mask", to_string(subnet.mask())),
        fmt::arg("first", to_string(subnet.first_guest())),
        fmt::arg("last", to_string(subnet.last_guest())),
        fmt::arg("hosts_file", virt::escape_xml(hosts_file)));
}

Result<NetworkFacts> parse_network(const std::string& xml)
{
    constexpr int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
    const Document doc{
        xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "network.xml", nullptr, options)};
    const auto* root = doc ? xmlDocGetRootElement(doc.get()) : nullptr;
    if (root == nullptr) {
        return Error{ErrorCode::internal, "libvirt described a network in broken XML"};
    }
    NetworkFacts facts;
    for (const auto* bridge : children(root, "bridge")) {
        facts.bridge = attribute(bridge, "name");
    }
    for (const auto* ip : children(root, "ip")) {
        const auto subnet = subnet_of(ip);
        if (!subnet) {
            continue;
        }
        facts.subnet = *subnet;
        return facts;
    }
    return Error{ErrorCode::failed_precondition, "the network has no IPv4 address"};
}

} // namespace hostd::network
