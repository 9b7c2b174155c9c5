#pragma once

#include "common/mutex.hpp"
#include "common/result.hpp"
#include "hostd/network/network_xml.hpp"

#include <libvirt/libvirt.h>
#include <memory>
#include <string>
#include <vector>

namespace hostd::network {

struct FreeNetwork {
    void operator()(virNetworkPtr network) const noexcept
    {
        static_cast<void>(virNetworkFree(network)); // Nothing can be done about a failed free.
    }
};
using NetworkHandle = std::unique_ptr<virNetwork, FreeNetwork>;
using SharedConnection = std::shared_ptr<virConnect>;

/// The calling thread's libvirt error as ours, with libvirt's own code and text. Right after
/// the call that failed, on the same thread.
common::Error last_error();

/// One connection, opened when it is first wanted and again when it has died. Any thread.
class Connector {
public:
    explicit Connector(std::string uri) : uri_{std::move(uri)} {}
    /// `unavailable` (reason libvirt_unavailable) if the daemon does not answer.
    common::Result<SharedConnection> get() EXCLUDES(mutex_);

private:
    const std::string uri_;
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
