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

/// Tells the network's dnsmasq to read the file again (SIGHUP, as libvirt does). `unavailable`
/// (reason dnsmasq_down) if it does not run.
common::Result<> reload_dnsmasq(const DhcpFolders& folders, std::string_view network);

} // namespace hostd::network
