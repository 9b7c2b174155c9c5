#include "hostd/network/libvirt_calls.hpp"

#include "hostd/virt/last_error.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <libvirt/virterror.h>
#include <span>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;

Error last_error()
{
    return virt::last_error({{VIR_ERR_NO_NETWORK, ErrorCode::not_found},
                             {VIR_ERR_NETWORK_EXIST, ErrorCode::already_exists}});
}

Result<SharedConnection> Connector::get()
{
    const common::MutexLock lock{mutex_};
    if (connection_ && virConnectIsAlive(connection_.get()) == 1) {
        return connection_;
    }
    connection_.reset();
    COMMON_TRY(connection_, opener_.open());
    return connection_;
}

Result<NetworkHandle> find_network(virConnectPtr connection, std::string_view name)
{
    NetworkHandle network{virNetworkLookupByName(connection, std::string{name}.c_str())};
    if (!network) {
        return last_error().during(fmt::format("look up network {}", name));
    }
    return network;
}

Result<NetworkFacts> facts_of(virNetworkPtr network)
{
    const virt::CString xml{virNetworkGetXMLDesc(network, 0)};
    if (!xml) {
        return last_error().during("describe a network");
    }
    return parse_network(xml.get());
}

Result<std::vector<DhcpLease>> dhcp_leases(virNetworkPtr network, const std::string& mac)
{
    virNetworkDHCPLeasePtr* raw = nullptr;
    const int count =
        virNetworkGetDHCPLeases(network, mac.empty() ? nullptr : mac.c_str(), &raw, 0);
    if (count < 0 && virGetLastErrorCode() == VIR_ERR_NO_SUPPORT) {
        return std::vector<DhcpLease>{}; // This driver gives out none.
    }
    if (count < 0) {
        return last_error().during("read DHCP leases");
    }
    std::vector<DhcpLease> leases;
    for (auto* lease : std::span{raw, static_cast<std::size_t>(count)}) {
        if (lease->type == VIR_IP_ADDR_TYPE_IPV4 && lease->mac != nullptr &&
            lease->ipaddr != nullptr) {
            leases.push_back({lease->mac, lease->ipaddr});
        }
        virNetworkDHCPLeaseFree(lease);
    }
    std::free(raw);
    return leases;
}

} // namespace hostd::network
