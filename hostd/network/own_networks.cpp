#include "hostd/network/own_networks.hpp"

#include "hostd/network/host_routes.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <net/if.h>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Makes the network persistent, running and started at boot.
Result<> keep_running(virConnectPtr connection,
                      NetworkHandle& network,
                      const OwnNetwork& own,
                      const Subnet& subnet,
                      const std::string& hosts_file)
{
    if (virNetworkIsPersistent(network.get()) == 0) {
        network.reset(
            virNetworkDefineXML(connection, network_xml(own, subnet, hosts_file).c_str()));
        if (!network) {
            return last_error().during(fmt::format("define network {}", own.name));
        }
    }
    bool active = virNetworkIsActive(network.get()) == 1;
    if (active && ::if_nametoindex(std::string{own.bridge}.c_str()) == 0) {
        // Somebody took the bridge away under libvirt: only a new start makes it again.
        static_cast<void>(virNetworkDestroy(network.get()));
        active = false;
    }
    if (!active && virNetworkCreate(network.get()) != 0) {
        auto error =
            last_error().during(fmt::format("start network {} ({})", own.name, to_string(subnet)));
        error.message += fmt::format(
            "; if the subnet is taken by now: virsh net-undefine {}, then start hostd again",
            own.name);
        return error;
    }
    if (virNetworkSetAutostart(network.get(), 1) != 0) {
        return last_error().during(fmt::format("set autostart of network {}", own.name));
    }
    return {};
}

Result<Subnet> wanted_subnet(const OwnNetwork& own,
                             const std::vector<Subnet>& taken,
                             const std::optional<Subnet>& configured)
{
    if (own.mode != NetworkMode::nat || !configured) {
        auto avoided = taken;
        if (configured) {
            avoided.push_back(*configured);
        }
        return choose_subnet(avoided);
    }
    COMMON_TRY(const auto connected, own_networks());
    const auto clash = std::ranges::find_if(
        connected, [&](const Subnet& other) { return other.overlaps(*configured); });
    if (clash != connected.end()) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("network_cidr {} overlaps {}, which this host is part of; name a "
                                 "free one or none",
                                 to_string(*configured),
                                 to_string(*clash)),
                     "network_cidr_taken"};
    }
    return *configured;
}

/// The network if there is one, and the subnet that it has or is to have.
struct Plan {
    NetworkHandle network;
    Subnet subnet;
};

Result<Plan> plan_for(virConnectPtr connection,
                      const OwnNetwork& own,
                      const std::optional<Subnet>& configured,
                      const std::vector<Subnet>& taken)
{
    auto found = find_network(connection, own.name);
    if (!found && found.error().code != ErrorCode::not_found) {
        return std::move(found).error();
    }
    Plan plan;
    if (found) {
        plan.network = *std::move(found);
        auto facts = facts_of(plan.network.get());
        if (!facts || facts->bridge != own.bridge) {
            return Error{ErrorCode::failed_precondition,
                         fmt::format("libvirt has a network {} that is not Paddock's (its bridge "
                                     "is {}, not {}); rename it, or remove it with: virsh "
                                     "net-destroy {}; virsh net-undefine {}",
                                     own.name,
                                     facts ? facts->bridge : "unknown",
                                     own.bridge,
                                     own.name,
                                     own.name),
                         "foreign_network"};
        }
        plan.subnet = facts->subnet;
    } else {
        COMMON_TRY(plan.subnet, wanted_subnet(own, taken, configured));
    }
    return plan;
}

} // namespace

Result<std::vector<Subnet>> taken_subnets()
{
    COMMON_TRY(auto taken, routed_networks());
    COMMON_TRY(const auto own_ones, own_networks());
    taken.insert(taken.end(), own_ones.begin(), own_ones.end());
    return taken;
}

Result<std::vector<Foreseen>> foresee_networks(const std::string& uri,
                                               const std::optional<Subnet>& configured)
{
    Connector connector{uri};
    COMMON_TRY(const auto connection, connector.get());
    COMMON_TRY(auto taken, taken_subnets());
    std::vector<Foreseen> found;
    for (const auto& own : {nat_network, isolated_network}) {
        COMMON_TRY(const auto plan, plan_for(connection.get(), own, configured, taken));
        taken.push_back(plan.subnet);
        const bool exists = plan.network != nullptr;
        if (!exists && ::if_nametoindex(std::string{own.bridge}.c_str()) != 0) {
            return Error{ErrorCode::failed_precondition,
                         fmt::format("there is an interface {}, which network {} is to have as its "
                                     "bridge; remove it with: ip link delete {}",
                                     own.bridge,
                                     own.name,
                                     own.bridge),
                         "bridge_taken"};
        }
        found.push_back({std::string{own.name},
                         plan.subnet,
                         exists,
                         exists && virNetworkIsActive(plan.network.get()) == 1});
    }
    return found;
}

Result<Subnet> ensure_network(virConnectPtr connection,
                              const OwnNetwork& own,
                              const std::string& hosts_file,
                              const std::optional<Subnet>& configured,
                              std::vector<Subnet>& taken)
{
    COMMON_TRY(auto plan, plan_for(connection, own, configured, taken));
    if (!plan.network) {
        plan.network.reset(
            virNetworkDefineXML(connection, network_xml(own, plan.subnet, hosts_file).c_str()));
        if (!plan.network) {
            return last_error().during(fmt::format("define network {}", own.name));
        }
    }
    taken.push_back(plan.subnet);
    COMMON_CHECK(keep_running(connection, plan.network, own, plan.subnet, hosts_file));
    return plan.subnet;
}

Result<> revive_dnsmasq(virNetworkPtr network, const OwnNetwork& own, const Subnet& subnet)
{
    // A name leaves the firewall's rules as they are. The isolated network has no DNS to put one
    // into, but no NAT either that a DHCP entry would interrupt.
    const bool dns = own.mode == NetworkMode::nat;
    const auto section = dns ? VIR_NETWORK_SECTION_DNS_HOST : VIR_NETWORK_SECTION_IP_DHCP_HOST;
    const auto entry =
        fmt::format(fmt::runtime(dns ? "<host ip='{}'><hostname>gateway.invalid</hostname></host>"
                                     : "<host mac='52:54:00:00:00:00' ip='{}'/>"),
                    to_string(subnet.gateway()));
    const auto change = [&](virNetworkUpdateCommand command) -> Result<> {
        constexpr int first_that_fits = -1;
        if (virNetworkUpdate(network,
                             command,
                             section,
                             first_that_fits,
                             entry.c_str(),
                             VIR_NETWORK_UPDATE_AFFECT_LIVE) != 0) {
            return last_error().during(fmt::format("start the dnsmasq of network {}", own.name));
        }
        return {};
    };
    // What an interrupted revival left makes the first fail and the second do the work.
    auto added = change(VIR_NETWORK_UPDATE_COMMAND_ADD_LAST);
    return change(VIR_NETWORK_UPDATE_COMMAND_DELETE) ? Result<>{} : added;
}

} // namespace hostd::network
