#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <vector>

namespace hostd {

/// The base network of this host (DESIGN.md, "Network"): our own libvirt networks,
/// isolated ports, one nft table. Blocking; any thread.
class Network {
public:
    virtual ~Network() = default;

    /// Networks and nft table stand as they should; `in_use` are the leases of the
    /// domains that exist. Rules of leases that are not in use are taken away. May be
    /// called again at any time to repair.
    virtual common::Result<> ensure(const std::vector<NetLease>& in_use) = 0;

    /// A free address for a sandbox, with its anti-spoofing rules in place before the domain
    /// starts; DHCP serves it after tell_dhcp(). A second call for the same sandbox gives the same
    /// lease. `resource_exhausted` (reason no_addresses) when the subnet is full.
    virtual common::Result<NetLease> allocate(const common::SandboxId& id, NetworkMode mode) = 0;

    /// The same lease for another incarnation of its domain: another tap may send as its MAC and
    /// address, beside the first, until one of them is released with forget_tap(). Success
    /// if it is there already.
    virtual common::Result<NetLease> add_tap(const NetLease& lease, std::uint64_t incarnation) = 0;
    /// Takes the rules of one tap away and leaves the lease to the other.
    virtual common::Result<> forget_tap(const NetLease& lease) = 0;

    /// Takes a lease back, rules and DHCP entry. Success if it is not held.
    virtual common::Result<> release(const NetLease& lease) = 0;

    /// The DHCP servers run and know what was allocated and released. dnsmasq then runs a program
    /// of libvirt's for each lease it has given out, so that this is not for every single change.
    virtual common::Result<> tell_dhcp() = 0;

    /// The IPv4 address that the guest has really taken, from DHCP leases, then ARP.
    /// Empty while there is none.
    virtual common::Result<std::string> observed_ip(const NetLease& lease) const = 0;

    [[nodiscard]] virtual std::string cidr() const = 0;
};

} // namespace hostd
