#include "guest/machine.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace guest {

common::UniqueFd open_net_events()
{
    common::UniqueFd fd{
        ::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE)};
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_IPV4_IFADDR;
    if (fd && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        fd.reset();
    }
    return fd;
}

std::vector<std::string> Machine::addresses() const
{
    std::vector<std::string> lines;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) {
        return lines;
    }
    for (const auto* each = all; each != nullptr && lines.size() < 64; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET ||
            (each->ifa_flags & IFF_LOOPBACK) != 0) {
            continue;
        }
        std::array<char, INET_ADDRSTRLEN> text{};
        sockaddr_in address{};
        std::copy_n(reinterpret_cast<const char*>(each->ifa_addr),
                    sizeof address,
                    reinterpret_cast<char*>(&address));
        ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
        std::array<char, 64> path{};
        std::snprintf(path.data(), path.size(), "/sys/class/net/%s/address", each->ifa_name);
        auto mac = read_file(path.data());
        mac.resize(std::min(mac.find('\n'), mac.size()));
        lines.push_back(std::string{each->ifa_name} + " " + mac + " " + text.data());
    }
    ::freeifaddrs(all);
    return lines;
}

} // namespace guest
