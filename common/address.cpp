#include "common/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace common {

bool is_loopback(std::string address)
{
    if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
        address = address.substr(1, address.size() - 2);
    }
    in_addr v4{};
    in6_addr v6{};
    constexpr std::uint32_t loopback_net = 127;
    if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) {
        return ntohl(v4.s_addr) >> 24U == loopback_net;
    }
    return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

} // namespace common
