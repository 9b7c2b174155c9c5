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

/// The definition. DHCP answers only to guests that have an entry: a guest that makes up
/// hardware addresses cannot use up the leases. Pure.
std::string network_xml(const OwnNetwork& network, const Subnet& subnet);

/// One DHCP entry as virNetworkUpdate wants it. Pure; escapes.
std::string dhcp_host_xml(std::string_view mac, std::string_view ip);

struct DhcpHost {
    std::string mac; ///< Lower case.
    std::string ip;
    friend bool operator==(const DhcpHost&, const DhcpHost&) = default;
};

/// What is read back from a network's XML.
struct NetworkFacts {
    std::string bridge;
    Subnet subnet;
    std::vector<DhcpHost> hosts;
};
/// `failed_precondition` if it has no usable IPv4 network, `internal` if it is no XML.
common::Result<NetworkFacts> parse_network(const std::string& xml);

} // namespace hostd::network
