#pragma once

#include "hostd/core/model.hpp"
#include "hostd/network/subnet.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hostd::network {

/// One of the two libvirt networks that are ours, by its fixed names.
struct OwnNetwork {
    std::string_view name;
    std::string_view bridge;
    NetworkMode mode;
};
inline constexpr OwnNetwork nat_network{"paddock", "pdkbr0", NetworkMode::nat};
inline constexpr OwnNetwork isolated_network{"paddock-isolated", "pdkbr1", NetworkMode::isolated};

/// The definition. `hosts_file` is where dnsmasq reads the DHCP entries of the guests, the only
/// ones that it answers: a guest that makes up hardware addresses cannot use up the leases.
/// Entries in the XML itself would do, but for each change of them libvirt 9 takes its firewall
/// rules down and puts them up again, which takes 0.4 s and leaves a gap in the NAT. Pure.
std::string
network_xml(const OwnNetwork& network, const Subnet& subnet, const std::string& hosts_file);

/// What is read back from a network's XML.
struct NetworkFacts {
    std::string bridge;
    Subnet subnet;
};
/// `failed_precondition` if it has no usable IPv4 network, `internal` if it is no XML.
common::Result<NetworkFacts> parse_network(const std::string& xml);

} // namespace hostd::network
