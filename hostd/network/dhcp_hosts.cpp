#include "hostd/network/dhcp_hosts.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

namespace hostd::network {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

std::string read_all(const std::filesystem::path& file)
{
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
}

/// A pid file outlives its process and numbers are used again: it must be the dnsmasq that
/// libvirt started with this network's configuration.
bool is_dnsmasq_of(pid_t pid, std::string_view network)
{
    const auto cmdline = read_all(fmt::format("/proc/{}/cmdline", pid));
    return cmdline.find("dnsmasq") != std::string::npos &&
           cmdline.find(fmt::format("/{}.conf", network)) != std::string::npos;
}

} // namespace

std::string hosts_file(const DhcpFolders& folders, std::string_view network)
{
    return (folders.hosts / fmt::format("{}.guests", network)).string();
}

std::string hosts_text(const std::vector<NetLease>& leases)
{
    // Short leases: until one runs out dnsmasq gives its address to no other guest.
    std::string text;
    for (const auto& lease : leases) {
        text += fmt::format("{},{},15m\n", lease.mac, lease.ip);
    }
    return text;
}

Result<> write_dhcp_hosts(const DhcpFolders& folders,
                          std::string_view network,
                          const std::vector<NetLease>& leases)
{
    const auto file = hosts_file(folders, network);
    const auto fresh = file + ".new";
    std::error_code ignored; // What it leaves undone the write below tells.
    std::filesystem::create_directories(folders.hosts, ignored);
    std::ofstream out{fresh, std::ios::trunc};
    out << hosts_text(leases);
    out.close();
    // dnsmasq reads as its own user.
    if (!out || ::chmod(fresh.c_str(), 0644) != 0 || ::rename(fresh.c_str(), file.c_str()) != 0) {
        return Error{ErrorCode::internal,
                     fmt::format("write {}: {}", file, std::strerror(errno)),
                     "dhcp_entry_failed"};
    }
    return {};
}

Result<> signal_dnsmasq(const DhcpFolders& folders, std::string_view network, int signal)
{
    // A dnsmasq that was told to end has taken its pid file away.
    const auto text = read_all(folders.pids / fmt::format("{}.pid", network));
    const auto pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
    if (pid > 1 && is_dnsmasq_of(pid, network) && ::kill(pid, signal) == 0) {
        return {};
    }
    const bool taken = pid > 1 && ::kill(pid, 0) == 0;
    return Error{taken ? ErrorCode::unavailable : ErrorCode::not_found,
                 fmt::format("the dnsmasq of network {} does not run, so guests get no address; "
                             "restarting libvirtd brings it back",
                             network),
                 "dnsmasq_down"};
}

} // namespace hostd::network
