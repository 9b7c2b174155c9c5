#pragma once

#include "common/unique_fd.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace test_support {

/// Answers one connection after the other as it was told to, and keeps what it was asked.
class ScriptedServer {
public:
    static constexpr const char* hangs_up = "";

    /// Whole HTTP replies, or `hangs_up` once the request is there.
    explicit ScriptedServer(std::vector<std::string> replies) : replies_{std::move(replies)}
    {
        listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        BOOST_REQUIRE(::bind(listener_.get(), any, size) == 0);
        BOOST_REQUIRE(::listen(listener_.get(), 8) == 0);
        BOOST_REQUIRE(::getsockname(listener_.get(), any, &size) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~ScriptedServer()
    {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::vector<std::string> requests() const
    {
        const std::lock_guard lock{mutex_};
        return requests_;
    }

private:
    void serve()
    {
        for (const auto& reply : replies_) {
            const common::UniqueFd peer{::accept(listener_.get(), nullptr, nullptr)};
            if (!peer) {
                return;
            }
            auto request = read(peer.get());
            {
                const std::lock_guard lock{mutex_};
                requests_.push_back(std::move(request));
            }
            if (!reply.empty()) {
                ::send(peer.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
            }
        }
    }
    /// Up to the end of its head and a body of the length that it says.
    static std::string read(int fd)
    {
        std::string text;
        std::array<char, 4096> piece{};
        while (!whole(text)) {
            const auto count = ::recv(fd, piece.data(), piece.size(), 0);
            if (count <= 0) {
                break;
            }
            text.append(piece.data(), static_cast<std::size_t>(count));
        }
        return text;
    }
    static bool whole(const std::string& text)
    {
        const auto head = text.find("\r\n\r\n");
        const auto length = text.find("Content-Length: ");
        const auto body = length == std::string::npos ? 0 : std::stoul(text.substr(length + 16));
        return head != std::string::npos && text.size() >= head + 4 + body;
    }

    const std::vector<std::string> replies_;
    common::UniqueFd listener_;
    unsigned port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::thread thread_;
};

} // namespace test_support
