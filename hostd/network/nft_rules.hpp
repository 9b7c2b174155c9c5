#pragma once

#include "hostd/core/model.hpp"
#include "hostd/network/subnet.hpp"

#include <string>
#include <vector>

namespace hostd::network {

/// What the rules depend on besides the leases.
struct RuleFacts {
    Address nat_gateway = 0;      ///< The bridge's own address: DHCP and DNS are answered there.
    Address isolated_gateway = 0; ///< Only DHCP.
    std::vector<Subnet> blocked;  ///< Beyond the private and special networks.
};

/// Both tables, whole, as one transaction for `nft -f -`: replaces what stands there.
/// `table inet paddock` says where guests may send; `table bridge paddock` that each tap
/// sends only as what it was given. Leases must have passed is_sound(). Pure.
std::string ruleset(const RuleFacts& facts, const std::vector<NetLease>& leases);

/// Lets one lease's tap send, on top of ruleset(). Adding twice is harmless.
std::string add_lease(const NetLease& lease);
/// Harmless where there is nothing to take away.
std::string remove_lease(const NetLease& lease);

/// Whether tap, hardware address and IPv4 address are what allocate() makes: they stand
/// in nft's language unquoted, and domain metadata is where they come back from.
bool is_sound(const NetLease& lease) noexcept;

} // namespace hostd::network
