#pragma once

#include "hostd/network/subnet.hpp"

#include <string_view>
#include <vector>

namespace hostd::network {

/// The IPv4 networks that this host's routing tables name, but for routes over our own
/// bridges and default routes.
common::Result<std::vector<Subnet>> routed_networks();
/// The networks that this host has an address in, but for those of our own bridges.
common::Result<std::vector<Subnet>> own_networks();

/// What `ip -j -4 route show table all` and `ip -j -4 addr` printed. Pure.
common::Result<std::vector<Subnet>> parse_routes(std::string_view json);
common::Result<std::vector<Subnet>> parse_own(std::string_view json);

/// Whether /proc/net/arp (its text is `table`) has `address` at `mac` on `device`, in a
/// complete entry. Pure.
bool arp_knows(std::string_view table,
               std::string_view address,
               std::string_view mac,
               std::string_view device);

} // namespace hostd::network
