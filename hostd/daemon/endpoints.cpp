#include "hostd/daemon/endpoints.hpp"

#include <memory>
#include <netdb.h>
#include <netinet/in.h>

namespace hostd::daemon {

std::string host_of(const std::string& endpoint)
{
    const auto scheme = endpoint.find("://");
    const auto port = endpoint.rfind(':');
    if (scheme == std::string::npos || port == std::string::npos || port < scheme + 3) {
        return {};
    }
    auto host = endpoint.substr(scheme + 3, port - scheme - 3);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    return host;
}

std::vector<network::Subnet> addresses_of(const std::vector<std::string>& endpoints,
                                          std::vector<std::string>& unresolved)
{
    std::vector<network::Subnet> addresses;
    for (const auto& endpoint : endpoints) {
        const auto host = host_of(endpoint);
        if (host.find(':') != std::string::npos) {
            continue; // IPv6: guests have none.
        }
        addrinfo hints{};
        hints.ai_family = AF_INET;
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (host.empty() || ::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
            unresolved.push_back(endpoint);
            continue;
        }
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{found, &::freeaddrinfo};
        for (const auto* each = found; each != nullptr; each = each->ai_next) {
            const auto* address = reinterpret_cast<const sockaddr_in*>(each->ai_addr);
            addresses.push_back({ntohl(address->sin_addr.s_addr), 32});
        }
    }
    return addresses;
}

} // namespace hostd::daemon
