#pragma once

#include "hostd/network/libvirt_calls.hpp"

#include <optional>
#include <vector>

namespace hostd::network {

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
