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

} // namespace hostd::network
