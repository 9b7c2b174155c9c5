#include "hostd/network/nft_rules.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hostd::network {

namespace {

// "pdk" or "pdl" of a tap never meets a bridge: the bridge family's iifname is the port, and an
// id has no digit 0 or 1. Priority of `input` and `forward` is that of every filter: an accept
// here does not overrule another table's drop, a drop here is final.
//
// The bridge chain runs before anything else looks at a frame. IPv6, VLANs and all other
// protocols end at its last rule.
constexpr std::string_view layout = R"(add table inet paddock
delete table inet paddock
add table bridge paddock
delete table bridge paddock

table inet paddock {{
  set closed {{
    type ipv4_addr
    flags interval
    auto-merge
    elements = {{ {closed} }}
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname {{ "pdkbr0", "pdkbr1" }} jump from_guest
  }}
  chain from_guest {{
    meta nfproto ipv6 drop
    iifname "pdkbr0" ip daddr {nat} meta l4proto {{ tcp, udp }} th dport 53 accept
    iifname "pdkbr0" ip daddr {{ 255.255.255.255, {nat} }} udp sport 68 udp dport 67 accept
    iifname "pdkbr1" ip daddr {{ 255.255.255.255, {isolated} }} udp sport 68 udp dport 67 accept
    drop
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "pdkbr1" drop
    oifname "pdkbr1" drop
    iifname "pdkbr0" jump to_world
    oifname "pdkbr0" ct state != {{ established, related }} drop
  }}
  chain to_world {{
    meta nfproto ipv6 drop
    oifname {{ "pdkbr0", "pdkbr1" }} drop
    ip daddr @closed drop
  }}
}}

table bridge paddock {{
  set macs {{
    type ifname . ether_addr
{macs}  }}
  set addrs {{
    type ifname . ether_addr . ipv4_addr
{addrs}  }}
  chain prerouting {{
    type filter hook prerouting priority -200; policy accept;
    iifname "pdk*" jump guest
    iifname "pdl*" jump guest
  }}
  chain guest {{
    iifname . ether saddr != @macs drop
    ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
    ether type ip iifname . ether saddr . ip saddr @addrs accept
    ether type arp arp htype 1 iifname . arp saddr ether . arp saddr ip @addrs accept
    drop
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "pdk*" oifname "pdk*" drop
    iifname "pdk*" oifname "pdl*" drop
    iifname "pdl*" oifname "pdk*" drop
    iifname "pdl*" oifname "pdl*" drop
  }}
}}
)";

// RFC 1918, shared (RFC 6598), link-local with its metadata services, loopback, "this
// network", benchmarks, multicast, reserved and broadcast.
constexpr std::string_view always_closed =
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, "
    "192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4";

std::string mac_element(const NetLease& lease)
{
    return fmt::format("\"{}\" . {}", lease.tap, lease.mac);
}

std::string address_element(const NetLease& lease)
{
    return fmt::format("\"{}\" . {} . {}", lease.tap, lease.mac, lease.ip);
}

template <typename Element>
std::string elements(const std::vector<NetLease>& leases, Element element)
{
    std::string text;
    for (const auto& lease : leases) {
        text += (text.empty() ? "    elements = { " : ",\n      ") + element(lease);
    }
    return text.empty() ? text : text + " }\n";
}

std::string change(std::string_view verb, const NetLease& lease)
{
    return fmt::format("{0} element bridge paddock macs {{ {1} }}\n"
                       "{0} element bridge paddock addrs {{ {2} }}\n",
                       verb,
                       mac_element(lease),
                       address_element(lease));
}

bool is_tap(std::string_view text)
{
    const auto legal = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); };
    return text.size() > 3 && text.size() <= 15 &&
           (text.starts_with("pdk") || text.starts_with("pdl")) && std::ranges::all_of(text, legal);
}

bool is_mac(std::string_view text)
{
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (at % 3 == 2 ? c != ':' : !hex) {
            return false;
        }
    }
    return text.size() == 17;
}

} // namespace

bool is_sound(const NetLease& lease) noexcept
{
    return is_tap(lease.tap) && is_mac(lease.mac) && parse_address(lease.ip).has_value();
}

std::string ruleset(const RuleFacts& facts, const std::vector<NetLease>& leases)
{
    std::string closed{always_closed};
    for (const auto& subnet : facts.blocked) {
        closed += ", " + to_string(subnet);
    }
    return fmt::format(layout,
                       fmt::arg("closed", closed),
                       fmt::arg("nat", to_string(facts.nat_gateway)),
                       fmt::arg("isolated", to_string(facts.isolated_gateway)),
                       fmt::arg("macs", elements(leases, mac_element)),
                       fmt::arg("addrs", elements(leases, address_element)));
}

std::string add_lease(const NetLease& lease)
{
    return change("add", lease);
}

std::string remove_lease(const NetLease& lease)
{
    // Deleting what is not there is an error; adding what is there is none.
    return change("add", lease) + change("delete", lease);
}

} // namespace hostd::network
