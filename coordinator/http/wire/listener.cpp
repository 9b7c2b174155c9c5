#include "coordinator/http/wire/listener.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>

namespace coordinator::http {

namespace {

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

bool parse(std::string text, std::uint16_t port, Address& out)
{
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
        text = text.substr(1, text.size() - 2);
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        std::memcpy(&out.storage, &v4, sizeof v4);
        out.size = sizeof v4;
        return true;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
        std::memcpy(&out.storage, &v6, sizeof v6);
        out.size = sizeof v6;
        return true;
    }
    return false;
}

std::uint16_t bound_port(int socket)
{
    Address actual;
    actual.size = sizeof actual.storage;
    // The socket API takes every address family through this one pointer type.
    auto* const any = reinterpret_cast<sockaddr*>(&actual.storage);
    if (::getsockname(socket, any, &actual.size) != 0) {
        return 0;
    }
    if (actual.storage.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &actual.storage, sizeof v4);
        return ntohs(v4.sin_port);
    }
    sockaddr_in6 v6{};
    std::memcpy(&v6, &actual.storage, sizeof v6);
    return ntohs(v6.sin6_port);
}

} // namespace

common::Result<Listener> listen_on(const std::string& address, std::uint16_t port)
{
    Address where;
    if (!parse(address, port, where)) {
        return common::Error{common::ErrorCode::invalid_argument,
                             "http address '" + address + "': not an IPv4 or IPv6 address"};
    }
    const auto failed = [&](const char* step) {
        return common::Error{common::ErrorCode::unavailable,
                             "listen on " + address + " port " + std::to_string(port) + ": " +
                                 step + ": " + std::generic_category().message(errno)};
    };
    Listener listener;
    listener.socket.reset(
        ::socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!listener.socket) {
        return failed("socket");
    }
    const int yes = 1; // A restarted coordinator takes its port again at once.
    ::setsockopt(listener.socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const auto* const any = reinterpret_cast<const sockaddr*>(&where.storage);
    if (::bind(listener.socket.get(), any, where.size) != 0) {
        return failed("bind");
    }
    if (::listen(listener.socket.get(), SOMAXCONN) != 0) {
        return failed("listen");
    }
    listener.port = bound_port(listener.socket.get());
    return listener;
}

bool is_address(std::string_view text)
{
    Address parsed;
    return parse(std::string{text}, 0, parsed);
}

} // namespace coordinator::http
