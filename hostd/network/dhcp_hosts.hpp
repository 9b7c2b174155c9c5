#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hostd::network {

/// Where libvirt's system daemon keeps what its dnsmasq reads, and the pids of these.
struct DhcpFolders {
    std::filesystem::path hosts = "/var/lib/libvirt/dnsmasq";
    std::filesystem::path pids = "/run/libvirt/network";
};

/// The file with the DHCP entries of one network's guests (dnsmasq's dhcp-hostsfile).
std::string hosts_file(const DhcpFolders& folders, std::string_view network);

/// Its text. Leases must have passed is_sound(). Pure.
std::string hosts_text(const std::vector<NetLease>& leases);

/// Replaces the file in one step; dnsmasq looks at it when it starts or is told to.
common::Result<> write_dhcp_hosts(const DhcpFolders& folders,
                                  std::string_view network,
                                  const std::vector<NetLease>& leases);

/// Sends the network's dnsmasq a signal: SIGHUP has it read the file again, as libvirt does; 0
/// only asks whether it runs. Reason dnsmasq_down if it does not: `not_found`, or `unavailable`
/// while its number belongs to a process that is none of ours, or to what is left of it.
common::Result<> signal_dnsmasq(const DhcpFolders& folders, std::string_view network, int signal);

} // namespace hostd::network
