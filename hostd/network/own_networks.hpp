#pragma once

#include "hostd/network/libvirt_calls.hpp"

#include <optional>
#include <vector>

namespace hostd::network {

/// What a subnet of ours must not touch: where this host is, and where its routes lead.
common::Result<std::vector<Subnet>> taken_subnets();

/// One of our networks, as it is or would be made.
struct Foreseen {
    std::string name;
    Subnet subnet;
    bool exists = false;
    bool runs = false;
};
/// Both, for who asks before they are made: nothing is changed. The errors of ensure_network(), and
/// `failed_precondition` (bridge_taken) if an interface has the name of a bridge that is to be
/// made.
common::Result<std::vector<Foreseen>> foresee_networks(const std::string& uri,
                                                       const std::optional<Subnet>& configured);

/// Makes one of our networks stand: defined, persistent, running, started at boot. Gives its
/// subnet: that of the network if there is one, else `configured` (of the NAT network only),
/// else one that touches nothing of `taken`; `taken` grows by it. `failed_precondition`
/// (reason foreign_network) if the name belongs to a network with another bridge.
common::Result<Subnet> ensure_network(virConnectPtr connection,
                                      const OwnNetwork& own,
                                      const std::string& hosts_file,
                                      const std::optional<Subnet>& configured,
                                      std::vector<Subnet>& taken);

/// Has libvirt start the dnsmasq of a running network again. Only for one that is gone: libvirt
/// goes by its number alone.
///
/// Of libvirt's ways this is the only one that leaves guests and other networks alone: starting
/// the network anew takes its taps off the bridge, and a reload of libvirtd takes the firewall
/// rules of all networks down and up. A change of what dnsmasq serves has libvirt send it a
/// signal or, if there is none, start it; so an entry that means nothing comes and goes, in the
/// running network only.
common::Result<> revive_dnsmasq(virNetworkPtr network, const OwnNetwork& own, const Subnet& subnet);

} // namespace hostd::network
