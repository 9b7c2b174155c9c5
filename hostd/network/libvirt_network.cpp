#include "hostd/network/libvirt_network.hpp"

#include "hostd/network/host_routes.hpp"
#include "hostd/network/own_networks.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::array own_networks_list{nat_network, isolated_network};

const OwnNetwork* own_by_name(std::string_view name)
{
    const auto found = std::ranges::find(own_networks_list, name, &OwnNetwork::name);
    return found == own_networks_list.end() ? nullptr : &*found;
}

constexpr std::string_view odd_tap = "pdk"; // Of incarnation 1, 3 …
constexpr std::string_view even_tap = "pdl";

/// 52:54:00 is QEMU's prefix for guests.
std::string random_mac()
{
    std::random_device random;
    const auto bits = random();
    return fmt::format(
        "52:54:00:{:02x}:{:02x}:{:02x}", bits & 255U, (bits >> 8U) & 255U, (bits >> 16U) & 255U);
}

} // namespace

std::string tap_of(const common::SandboxId& id)
{
    const auto& text = id.str();
    return std::string{odd_tap} + text.substr(text.size() - std::min<std::size_t>(text.size(), 12));
}

std::string twin_of(const std::string& tap)
{
    const auto other = tap.starts_with(odd_tap) ? even_tap : odd_tap;
    return std::string{other} + tap.substr(odd_tap.size());
}

LibvirtNetwork::LibvirtNetwork(NetworkSettings settings, Runner nft, Signaller signal)
    : settings_{std::move(settings)},
      nft_{std::move(nft)},
      signal_{std::move(signal)},
      connector_{settings_.uri}
{}

Result<> LibvirtNetwork::ensure(const std::vector<NetLease>& in_use)
{
    const common::MutexLock lock{mutex_};
    leases_.clear();
    for (const auto& lease : in_use) {
        // What does not look like ours gets no rules; its guest is cut off, not trusted.
        if (own_by_name(lease.network) != nullptr && is_sound(lease)) {
            leases_.insert_or_assign(lease.tap, lease);
        }
    }
    told_ = true;
    COMMON_CHECK(stand_up());
    return tell_each();
}

Result<> LibvirtNetwork::tell_dhcp()
{
    const common::MutexLock lock{mutex_};
    // Else the next ensure() does.
    return standing_ ? tell_each() : Result<>{};
}

Result<> LibvirtNetwork::tell_each()
{
    Result<> told;
    for (const auto& own : own_networks_list) {
        if (auto one = tell_dnsmasq(own); !one) {
            told = std::move(one);
        }
    }
    return told;
}

Result<> LibvirtNetwork::stand_up()
{
    COMMON_TRY(const auto connection, connector_.get());
    COMMON_TRY(auto taken, taken_subnets());
    // Before dnsmasq is started, which reads them.
    for (const auto& own : own_networks_list) {
        COMMON_CHECK(write_hosts(own));
    }
    const auto stand = [&](const OwnNetwork& own) {
        return ensure_network(connection.get(),
                              own,
                              hosts_file(settings_.dhcp, own.name),
                              settings_.nat_subnet,
                              taken);
    };
    Standing standing;
    COMMON_TRY(standing.nat, stand(nat_network));
    COMMON_TRY(standing.isolated, stand(isolated_network));
    standing_ = standing;
    auto ruled = apply_rules();
    if (!ruled) {
        standing_.reset();
    }
    return ruled;
}

Result<NetLease> LibvirtNetwork::allocate(const common::SandboxId& id, NetworkMode mode)
{
    if (mode == NetworkMode::none) {
        return NetLease{};
    }
    const common::MutexLock lock{mutex_};
    const auto tap = tap_of(id);
    for (const auto& name : {tap, twin_of(tap)}) {
        if (const auto held = leases_.find(name); held != leases_.end()) {
            return held->second;
        }
    }
    if (!standing_) {
        if (!told_) {
            return Error{ErrorCode::unavailable, "the network does not stand yet", "host_starting"};
        }
        COMMON_CHECK(stand_up());
    }
    const auto& own = mode == NetworkMode::nat ? nat_network : isolated_network;
    COMMON_TRY(const auto connection, connector_.get());
    COMMON_TRY(const auto network, find_network(connection.get(), own.name));
    COMMON_TRY(const auto lease, make_lease(network.get(), own, tap));
    leases_.insert_or_assign(tap, lease);
    auto done = change_rules(add_lease(lease));
    if (done) {
        done = write_hosts(own);
    }
    if (!done) {
        // The next ensure() takes away what these two leave behind.
        leases_.erase(tap);
        static_cast<void>(change_rules(remove_lease(lease)));
        static_cast<void>(write_hosts(own));
        return std::move(done).error();
    }
    return lease;
}

Result<NetLease>
LibvirtNetwork::make_lease(virNetworkPtr network, const OwnNetwork& own, const std::string& tap)
{
    std::set<std::string> macs;
    std::set<std::string> addresses;
    for (const auto& [name, lease] : leases_) {
        macs.insert(lease.mac);
        addresses.insert(lease.ip);
    }
    // Until a lease of a guest that is gone runs out, dnsmasq gives its address to nobody.
    COMMON_TRY(const auto given_out, dhcp_leases(network, ""));
    for (const auto& lease : given_out) {
        addresses.insert(lease.ip);
    }
    const auto& subnet = standing_->of(own);
    auto& last = last_given_[own.mode];
    for (Address tries = subnet.first_guest(); tries <= subnet.last_guest(); ++tries) {
        last = last >= subnet.first_guest() && last < subnet.last_guest() ? last + 1
                                                                          : subnet.first_guest();
        if (!addresses.contains(to_string(last))) {
            auto mac = random_mac();
            while (macs.contains(mac)) {
                mac = random_mac();
            }
            return NetLease{std::string{own.name}, mac, to_string(last), tap};
        }
    }
    return Error{ErrorCode::resource_exhausted,
                 fmt::format("network {} ({}) has no free address", own.name, to_string(subnet)),
                 "no_addresses"};
}

Result<NetLease> LibvirtNetwork::add_tap(const NetLease& lease, std::uint64_t incarnation)
{
    if (lease.network.empty()) {
        return lease; // NetworkMode::none.
    }
    if (own_by_name(lease.network) == nullptr || !is_sound(lease)) {
        return Error{ErrorCode::invalid_argument, "not a lease of ours: tap '" + lease.tap + "'"};
    }
    auto added = lease;
    if (lease.tap.starts_with(odd_tap) != (incarnation % 2 == 1)) {
        added.tap = twin_of(lease.tap);
    }
    const common::MutexLock lock{mutex_};
    const auto old = leases_.find(lease.tap);
    if (old == leases_.end() || old->second != lease) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("the lease of {} ({}) is not held", lease.ip, lease.tap)};
    }
    if (leases_.contains(added.tap)) {
        return leases_.at(added.tap);
    }
    if (!standing_) {
        COMMON_CHECK(stand_up());
    }
    leases_.insert_or_assign(added.tap, added);
    if (auto ruled = change_rules(add_lease(added)); !ruled) {
        leases_.erase(added.tap);
        static_cast<void>(change_rules(remove_lease(added))); // As in allocate().
        return std::move(ruled).error();
    }
    return added; // Its address is in DHCP's file already.
}

Result<> LibvirtNetwork::take_tap(const NetLease& lease)
{
    if (const auto held = leases_.find(lease.tap); held != leases_.end() && held->second == lease) {
        leases_.erase(held);
    }
    if (!standing_ && !told_) {
        return {};
    }
    return standing_ ? change_rules(remove_lease(lease)) : stand_up();
}

Result<> LibvirtNetwork::forget_tap(const NetLease& lease)
{
    const auto* own = own_by_name(lease.network);
    if (own == nullptr || !is_sound(lease)) {
        return {};
    }
    const common::MutexLock lock{mutex_};
    COMMON_CHECK(take_tap(lease));
    if (!standing_) {
        return {};
    }
    // With the other tap its address stays: then this changes nothing.
    return write_hosts(*own);
}

Result<> LibvirtNetwork::release(const NetLease& lease)
{
    if (own_by_name(lease.network) == nullptr || !is_sound(lease)) {
        return {};
    }
    auto twin = lease;
    twin.tap = twin_of(lease.tap);
    const auto has_twin = [&] {
        const common::MutexLock lock{mutex_};
        const auto held = leases_.find(twin.tap);
        return held != leases_.end() && held->second == twin;
    };
    if (has_twin()) {
        COMMON_CHECK(forget_tap(twin));
    }
    return forget_tap(lease);
}

/// Each once, however many taps it has.
std::vector<NetLease> LibvirtNetwork::leases_of(const OwnNetwork& own) const
{
    std::vector<NetLease> leases;
    for (const auto& [tap, lease] : leases_) {
        const auto twin = leases_.find(twin_of(tap));
        // "pdk" comes before "pdl".
        const bool second = twin != leases_.end() && twin->first < tap &&
                            twin->second.mac == lease.mac && twin->second.ip == lease.ip;
        if (lease.network == own.name && !second) {
            leases.push_back(lease);
        }
    }
    return leases;
}

Result<> LibvirtNetwork::write_hosts(const OwnNetwork& own)
{
    return write_dhcp_hosts(settings_.dhcp, own.name, leases_of(own));
}

/// After write_hosts(): dnsmasq runs and has read the file.
Result<> LibvirtNetwork::tell_dnsmasq(const OwnNetwork& own)
{
    auto text = hosts_text(leases_of(own));
    auto& read = read_by_dnsmasq_[own.mode];
    // A repair every half minute must not empty dnsmasq's cache each time.
    constexpr int whether_it_runs = 0;
    auto told = signal_(settings_.dhcp, own.name, read == text ? whether_it_runs : SIGHUP);
    if (!told && told.error().code == ErrorCode::not_found) {
        told = revive(own);
    }
    if (told) {
        read = std::move(text);
    } else {
        read.reset();
    }
    return told;
}

Result<> LibvirtNetwork::revive(const OwnNetwork& own)
{
    COMMON_TRY(const auto connection, connector_.get());
    COMMON_TRY(const auto network, find_network(connection.get(), own.name));
    COMMON_CHECK(revive_dnsmasq(network.get(), own, standing_->of(own)));
    return signal_(settings_.dhcp, own.name, 0);
}

Result<> LibvirtNetwork::apply_rules()
{
    std::vector<NetLease> leases;
    for (const auto& [tap, lease] : leases_) {
        leases.push_back(lease);
    }
    return run_nft(ruleset(
        {standing_->nat.gateway(), standing_->isolated.gateway(), settings_.blocked}, leases));
}

Result<> LibvirtNetwork::change_rules(const std::string& change)
{
    if (run_nft(change)) {
        return {};
    }
    // The tables are gone or not as we left them: all of it again.
    return apply_rules();
}

Result<> LibvirtNetwork::run_nft(const std::string& input) const
{
    auto outcome = nft_({{"nft", "-f", "-"}, input, std::chrono::seconds{20}});
    if (!outcome) {
        auto error = std::move(outcome).error().during("run nft");
        if (error.code == ErrorCode::not_found) {
            error.code = ErrorCode::failed_precondition;
            error.reason = "nft_missing";
            error.message += "; install it: apt-get install nftables";
        }
        return error;
    }
    if (outcome->status != 0) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("nft refused the guests' rules (status {}): {}; hostd needs root "
                                 "and a kernel with nf_tables for the families inet and bridge",
                                 outcome->status,
                                 outcome->err.substr(0, 500)),
                     "nft_failed"};
    }
    return {};
}

Result<std::string> LibvirtNetwork::observed_ip(const NetLease& lease) const
{
    const auto* own = own_by_name(lease.network);
    if (own == nullptr || !is_sound(lease)) {
        return std::string{};
    }
    // Nothing but the lease's own address may be reported: the guest has a say in the rest.
    COMMON_TRY(const auto connection, connector_.get());
    COMMON_TRY(const auto network, find_network(connection.get(), lease.network));
    COMMON_TRY(const auto leases, dhcp_leases(network.get(), lease.mac));
    if (std::ranges::find(leases, lease.ip, &DhcpLease::ip) != leases.end()) {
        return lease.ip;
    }
    std::ostringstream arp;
    arp << std::ifstream{"/proc/net/arp"}.rdbuf();
    return arp_knows(arp.str(), lease.ip, lease.mac, own->bridge) ? lease.ip : std::string{};
}

std::string LibvirtNetwork::cidr() const
{
    const common::MutexLock lock{mutex_};
    return standing_ ? to_string(standing_->nat) : std::string{};
}

} // namespace hostd::network
