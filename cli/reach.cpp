#include "cli/reach.hpp"

#include "common/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

struct FreeAddresses {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

/// 0, or why not, as an errno.
int connect_to(const addrinfo& address, std::chrono::milliseconds timeout)
{
    const common::UniqueFd fd{::socket(address.ai_family,
                                       address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                       address.ai_protocol)};
    if (!fd) {
        return errno;
    }
    if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    pollfd wait{fd.get(), POLLOUT, 0};
    if (::poll(&wait, 1, static_cast<int>(timeout.count())) <= 0) {
        return ETIMEDOUT;
    }
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

std::string number_text_of(const addrinfo& address)
{
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    ::getnameinfo(address.ai_addr,
                  address.ai_addrlen,
                  host.data(),
                  host.size(),
                  port.data(),
                  port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV);
    return fmt::format("{} port {}", host.data(), port.data());
}

} // namespace

Endpoint endpoint_of(const std::string& url)
{
    const auto scheme = url.find("://");
    const auto authority = scheme == std::string::npos ? url : url.substr(scheme + 3);
    Endpoint endpoint{authority, url.starts_with("https:") ? "443" : "80"};
    const auto bracket = authority.rfind(']');
    const auto colon = authority.rfind(':');
    if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
        endpoint = {authority.substr(0, colon), authority.substr(colon + 1)};
    }
    if (endpoint.host.starts_with('[') && endpoint.host.ends_with(']')) {
        endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
    }
    return endpoint;
}

common::Result<std::string> reach(const Endpoint& endpoint, std::chrono::milliseconds timeout)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int why =
            ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &list)) {
        return Error{
            ErrorCode::not_found,
            fmt::format(
                "look up {} port {}: {}", endpoint.host, endpoint.port, ::gai_strerror(why))};
    }
    const std::unique_ptr<addrinfo, FreeAddresses> owner{list};
    int why = 0;
    for (const auto* address = list; address != nullptr; address = address->ai_next) {
        why = connect_to(*address, timeout);
        if (why == 0) {
            return number_text_of(*address);
        }
    }
    return Error{
        ErrorCode::unavailable,
        fmt::format("connect to {} port {}: {}", endpoint.host, endpoint.port, std::strerror(why))};
}

common::Result<std::string> reach_any(const std::string& urls, std::chrono::milliseconds timeout)
{
    for (std::size_t from = 0;;) {
        const auto end = urls.find(',', from);
        auto reached = reach(endpoint_of(urls.substr(from, end - from)), timeout);
        if (reached || end == std::string::npos) {
            return reached;
        }
        from = end + 1;
    }
}

} // namespace cli
