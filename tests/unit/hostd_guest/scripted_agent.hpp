#pragma once

#include "common/unique_fd.hpp"
#include "proto/guest_messages.hpp"

#include <cstring>
#include <filesystem>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>

namespace tests {

/// A temporary folder, removed at the end.
class TempFolder {
public:
    TempFolder()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "hostd-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw std::runtime_error{"mkdtemp"};
        }
        path_ = pattern;
    }
    ~TempFolder() { std::filesystem::remove_all(path_); }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// The far end of a guest channel, driven line by line by a test: what QEMU's
/// socket and the agent behind it would do, or what a hostile guest would.
class ScriptedAgent {
public:
    explicit ScriptedAgent(const std::filesystem::path& socket)
        : listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
        if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_.get(), 4) != 0) {
            throw std::runtime_error{"listen on " + socket.string()};
        }
    }

    /// Waits for hostd and its reset. The session is then known.
    void accept()
    {
        await(listener_.get(), POLLIN);
        peer_ = common::UniqueFd{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        reader_.reset();
        session_ = expect(proto::GuestReset::kind).session;
    }
    void raw(std::string_view bytes)
    {
        while (!bytes.empty()) {
            await(peer_.get(), POLLOUT);
            const auto sent =
                ::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0) {
                if (errno == EAGAIN) {
                    continue;
                }
                throw std::runtime_error{"hostd closed the channel"};
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    void echo() { raw(echo_bytes()); }
    [[nodiscard]] std::string echo_bytes() const
    {
        const auto echo = proto::echo_of(session_);
        return {echo.begin(), echo.end()};
    }
    template <typename Message>
    [[nodiscard]] std::string frame(std::uint32_t stream, const Message& message) const
    {
        return proto::guest_frame(session_, stream, message);
    }
    template <typename Message>
    void send(std::uint32_t stream, const Message& message)
    {
        raw(frame(stream, message));
    }
    static proto::GuestHello hello(const std::string& boot_id = "boot-1")
    {
        proto::GuestHello message;
        message.protocol = proto::guest_protocol;
        message.agent_version = "test";
        message.boot_id = boot_id;
        return message;
    }
    /// All of the handshake, up to and including `become`.
    void greet(const std::string& boot_id = "boot-1")
    {
        accept();
        echo();
        send(0, hello(boot_id));
        static_cast<void>(expect(proto::GuestBecome::kind));
    }

    /// The next frame, which must be of this kind.
    proto::GuestFrame expect(std::string_view kind)
    {
        auto frame = next();
        if (frame.kind != kind) {
            throw std::runtime_error{"expected " + std::string{kind} + ", got " + frame.kind};
        }
        return frame;
    }
    template <typename Message>
    Message expect_body(std::uint32_t* stream = nullptr)
    {
        const auto frame = expect(Message::kind);
        if (stream != nullptr) {
            *stream = frame.stream;
        }
        return *proto::decode_guest_body<Message>(frame.body);
    }
    proto::GuestFrame next()
    {
        for (;;) {
            auto payload = reader_.next();
            if (*payload) {
                return *proto::decode_guest_frame(**payload);
            }
            std::string buffer(65536, '\0');
            await(peer_.get(), POLLIN);
            const auto got = ::recv(peer_.get(), buffer.data(), buffer.size(), 0);
            if (got <= 0) {
                throw std::runtime_error{"hostd closed the channel"};
            }
            reader_.feed({buffer.data(), static_cast<std::size_t>(got)});
        }
    }
    /// Reads and drops until hostd has closed.
    void await_close()
    {
        std::string buffer(65536, '\0');
        do {
            await(peer_.get(), POLLIN);
        } while (::recv(peer_.get(), buffer.data(), buffer.size(), 0) > 0);
    }
    void drop() { peer_.reset(); }

private:
    static void await(int fd, short events)
    {
        pollfd poll{fd, events, 0};
        if (::poll(&poll, 1, 20000) != 1) {
            throw std::runtime_error{"hostd did nothing in time"};
        }
    }

    common::UniqueFd listener_;
    common::UniqueFd peer_;
    proto::FrameReader reader_{proto::FrameReader::OnDamage::skip};
    proto::Session session_{};
};

} // namespace tests
