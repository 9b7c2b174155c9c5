#pragma once

#include "common/unique_fd.hpp"

#include <arpa/inet.h>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>

namespace coordinator::http {

/// A loopback connection on which a test sends whatever bytes it likes.
class RawSocket {
public:
    explicit RawSocket(std::uint16_t port) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        BOOST_REQUIRE(
            ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }

    void send(std::string_view bytes) const
    {
        while (!bytes.empty()) {
            const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) {
                return; // The server has had enough; its reply tells why.
            }
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }

    void end_sending() const { ::shutdown(fd_.get(), SHUT_WR); }
    void close() { fd_.reset(); }

    /// What arrives until the end, until `enough` is in it, or until ten seconds passed.
    std::string receive(std::string_view enough = {}) const
    {
        std::string text;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (std::chrono::steady_clock::now() < deadline) {
            pollfd wanted{fd_.get(), POLLIN, 0};
            if (::poll(&wanted, 1, 1000) <= 0) {
                continue;
            }
            char buffer[4096];
            const auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
            if (n <= 0) {
                return text;
            }
            text.append(buffer, static_cast<std::size_t>(n));
            if (!enough.empty() && text.find(enough) != std::string::npos) {
                return text;
            }
        }
        BOOST_ERROR("no end within 10 s after: " + text);
        return text;
    }

private:
    common::UniqueFd fd_;
};

} // namespace coordinator::http
