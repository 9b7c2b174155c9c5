#pragma once

#include "common/unique_fd.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <system_error>

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
        // Not through Boost: its checks belong to the main thread.
        if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0) {
            throw std::system_error{errno, std::generic_category(), "connect"};
        }
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

    /// What arrives until the end, or until `enough` is in it; throws after 30 s of silence.
    std::string receive(std::string_view enough = {}) const
    {
        std::string text;
        constexpr std::chrono::seconds silence{30};
        auto deadline = std::chrono::steady_clock::now() + silence;
        while (std::chrono::steady_clock::now() < deadline) {
            pollfd wanted{fd_.get(), POLLIN, 0};
            if (::poll(&wanted, 1, 1000) <= 0) {
                continue;
            }
            char buffer[65536];
            const auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
            if (n <= 0) {
                return text;
            }
            text.append(buffer, static_cast<std::size_t>(n));
            deadline = std::chrono::steady_clock::now() + silence;
            if (!enough.empty() && text.find(enough) != std::string::npos) {
                return text;
            }
        }
        throw std::runtime_error{"nothing within 30 s after: " + text};
    }

    /// Whether it ends as one that broke, and not in order; waits for the end, 30 s at most.
    [[nodiscard]] bool is_reset() const
    {
        pollfd wanted{fd_.get(), POLLIN, 0};
        char buffer[4096];
        return ::poll(&wanted, 1, 30'000) > 0 && ::recv(fd_.get(), buffer, sizeof buffer, 0) < 0 &&
               errno == ECONNRESET;
    }

    /// What is there by then; "" if nothing is.
    [[nodiscard]] std::string receive_within(std::chrono::milliseconds time) const
    {
        pollfd wanted{fd_.get(), POLLIN, 0};
        char buffer[4096];
        const auto n = ::poll(&wanted, 1, static_cast<int>(time.count())) > 0
                           ? ::recv(fd_.get(), buffer, sizeof buffer, 0)
                           : 0;
        return {buffer, static_cast<std::size_t>(n > 0 ? n : 0)};
    }

private:
    common::UniqueFd fd_;
};

} // namespace coordinator::http
