#pragma once

#include "common/mutex.hpp"
#include "common/process/process.hpp"
#include "hostd/core/network.hpp"
#include "hostd/network/dhcp_hosts.hpp"
#include "hostd/network/libvirt_calls.hpp"
#include "hostd/network/nft_rules.hpp"

#include <functional>
#include <map>
#include <optional>

namespace hostd::network {

/// How nft is run and dnsmasq told; a test puts something else here.
using Runner =
    std::function<common::Result<common::process::Outcome>(const common::process::Command&)>;
using Signaller =
    std::function<common::Result<>(const DhcpFolders&, std::string_view network, int signal)>;

struct NetworkSettings {
    std::string uri;
    std::optional<Subnet> nat_subnet; ///< Chosen if absent; an existing network keeps its own.
    std::vector<Subnet> blocked;      ///< Closed to guests beyond the private networks.
    DhcpFolders dhcp{};
};

/// The Network port over libvirt's networks `paddock` and `paddock-isolated`, and two nft
/// tables. Touches no network of another name, and refuses one of these names that has
/// another's bridge. Any thread; one change at a time. The process runs a virt::EventLoop:
/// without one a frozen libvirtd holds a call for ever.
class LibvirtNetwork final : public Network {
public:
    explicit LibvirtNetwork(NetworkSettings settings,
                            Runner nft = &common::process::run,
                            Signaller signal = &signal_dnsmasq);

    common::Result<> ensure(const std::vector<NetLease>& in_use) override EXCLUDES(mutex_);
    common::Result<NetLease> allocate(const common::SandboxId& id, NetworkMode mode) override
        EXCLUDES(mutex_);
    common::Result<NetLease> add_tap(const NetLease& lease, std::uint64_t incarnation) override
        EXCLUDES(mutex_);
    common::Result<> forget_tap(const NetLease& lease) override EXCLUDES(mutex_);
    /// With the lease's other tap, if there is one.
    common::Result<> release(const NetLease& lease) override EXCLUDES(mutex_);
    common::Result<> tell_dhcp() override EXCLUDES(mutex_);
    common::Result<std::string> observed_ip(const NetLease& lease) const override;
    /// Of the NAT network; empty until ensure() has succeeded once.
    [[nodiscard]] std::string cidr() const override EXCLUDES(mutex_);

private:
    struct Standing {
        Subnet nat;
        Subnet isolated;
        [[nodiscard]] const Subnet& of(const OwnNetwork& own) const
        {
            return own.mode == NetworkMode::nat ? nat : isolated;
        }
    };

    common::Result<> stand_up() REQUIRES(mutex_);
    common::Result<> take_tap(const NetLease& lease) REQUIRES(mutex_);
    common::Result<NetLease> make_lease(virNetworkPtr network,
                                        const OwnNetwork& own,
                                        const std::string& tap) REQUIRES(mutex_);
    [[nodiscard]] std::vector<NetLease> leases_of(const OwnNetwork& own) const REQUIRES(mutex_);
    common::Result<> write_hosts(const OwnNetwork& own) REQUIRES(mutex_);
    common::Result<> tell_each() REQUIRES(mutex_);
    common::Result<> tell_dnsmasq(const OwnNetwork& own) REQUIRES(mutex_);
    common::Result<> revive(const OwnNetwork& own) REQUIRES(mutex_);
    common::Result<> apply_rules() REQUIRES(mutex_);
    common::Result<> change_rules(const std::string& change) REQUIRES(mutex_);
    common::Result<> run_nft(const std::string& input) const;

    const NetworkSettings settings_;
    const Runner nft_;
    const Signaller signal_;
    mutable Connector connector_;

    mutable common::Mutex mutex_;
    bool told_ GUARDED_BY(mutex_) = false; ///< ensure() has said what is in use.
    std::optional<Standing> standing_ GUARDED_BY(mutex_);
    /// By tap: it names the sandbox. One lease stands here twice while it has two taps.
    std::map<std::string, NetLease> leases_ GUARDED_BY(mutex_);
    std::map<NetworkMode, Address> last_given_ GUARDED_BY(mutex_);
    std::map<NetworkMode, std::optional<std::string>> read_by_dnsmasq_ GUARDED_BY(mutex_);
};

/// "pdk" and the last 12 characters of the id: as long as an interface name may be. Incarnations
/// of an even number have "pdl" instead, since no more than two neighbours live at once.
std::string tap_of(const common::SandboxId& id);
/// The other of the two names that a sandbox's taps have.
std::string twin_of(const std::string& tap);

} // namespace hostd::network
