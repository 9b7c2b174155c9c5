#pragma once

#include "common/mutex.hpp"
#include "common/result.hpp"
#include "hostd/network/network_xml.hpp"
#include "hostd/virt/opener.hpp"

#include <libvirt/libvirt.h>
#include <memory>
#include <string>
#include <vector>

namespace hostd::network {

using NetworkHandle = std::unique_ptr<virNetwork, virt::FreeWith<&virNetworkFree>>;
using SharedConnection = std::shared_ptr<virConnect>;

/// virt::last_error() with what the codes about networks mean.
common::Error last_error();

/// One connection, opened when it is first wanted and again when it has died. Any thread.
class Connector {
public:
    explicit Connector(std::string uri) : opener_{std::move(uri)} {}
    /// `unavailable` (reason libvirt_unavailable) if the daemon does not answer in time; see
    /// virt::Opener, and for the calls on the connection too.
    common::Result<SharedConnection> get() EXCLUDES(mutex_);

private:
    virt::Opener opener_;
    common::Mutex mutex_;
    SharedConnection connection_ GUARDED_BY(mutex_);
};

/// `not_found` if libvirt has no network of that name.
common::Result<NetworkHandle> find_network(virConnectPtr connection, std::string_view name);

common::Result<NetworkFacts> facts_of(virNetworkPtr network);

struct DhcpLease {
    std::string mac; ///< Lower case.
    std::string ip;
};
/// What dnsmasq has given out and not taken back; of one hardware address, or of all ("").
common::Result<std::vector<DhcpLease>> dhcp_leases(virNetworkPtr network, const std::string& mac);

} // namespace hostd::network
