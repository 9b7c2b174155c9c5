#include "tests/support/agent_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace test {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error broken(const char* what)
{
    return {ErrorCode::unavailable, std::string{what} + ": " + std::strerror(errno)};
}

int left_ms(AgentClient::Deadline deadline)
{
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

} // namespace

Result<AgentClient> AgentClient::connect(const std::filesystem::path& path, Deadline deadline)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.string().size() >= sizeof address.sun_path) {
        return Error{ErrorCode::invalid_argument, "socket path too long: " + path.string()};
    }
    std::strcpy(address.sun_path, path.c_str());
    while (true) {
        common::UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            return AgentClient{std::move(socket)};
        }
        if (left_ms(deadline) == 0) {
            return broken("connect");
        }
        ::poll(nullptr, 0, 2);
    }
}

Result<> AgentClient::write(std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) {
            return broken("write");
        }
        bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
    return {};
}

Result<std::string> AgentClient::read_some(Deadline deadline)
{
    pollfd item{socket_.get(), POLLIN, 0};
    if (::poll(&item, 1, left_ms(deadline)) == 0) {
        return Error{ErrorCode::timeout, "the agent said nothing in time"};
    }
    std::array<char, 65536> piece{};
    const auto count = ::read(socket_.get(), piece.data(), piece.size());
    if (count <= 0) {
        return broken("read");
    }
    return std::string{piece.data(), static_cast<std::size_t>(count)};
}

Result<proto::GuestHello> AgentClient::greet(Deadline deadline, std::string_view before)
{
    session_ = proto::random_session();
    reader_.reset();
    COMMON_CHECK(write(before));
    COMMON_CHECK(write(std::string(proto::resync_padding, '\0')));
    COMMON_CHECK(send(0, proto::GuestReset{}));
    proto::EchoFinder finder{session_};
    while (true) {
        COMMON_TRY(const auto bytes, read_some(deadline));
        if (const auto rest = finder.feed(bytes)) {
            reader_.feed(*rest);
            break;
        }
    }
    COMMON_TRY(const auto frame, next(deadline));
    return proto::decode_guest_body<proto::GuestHello>(frame.body);
}

Result<proto::GuestFrame> AgentClient::next(Deadline deadline)
{
    while (true) {
        COMMON_TRY(const auto payload, reader_.next());
        if (payload) {
            COMMON_TRY(auto frame, proto::decode_guest_frame(*payload));
            if (frame.session == session_) {
                return frame;
            }
            continue;
        }
        COMMON_TRY(const auto bytes, read_some(deadline));
        reader_.feed(bytes);
    }
}

Result<AgentClient::Outcome>
AgentClient::exec(proto::GuestExec request, Deadline deadline, std::string_view stdin_bytes)
{
    const auto stream = ++last_stream_;
    request.has_stdin = !stdin_bytes.empty();
    COMMON_CHECK(send(stream, request));
    std::size_t sent = 0;
    std::size_t allowed = proto::initial_credit;
    Outcome outcome;
    while (true) {
        while (sent < stdin_bytes.size() && sent < allowed) {
            const auto size =
                std::min({stdin_bytes.size() - sent, allowed - sent, proto::max_chunk});
            COMMON_CHECK(send(stream,
                              proto::GuestStdin{sent,
                                                std::string{stdin_bytes.substr(sent, size)},
                                                sent + size == stdin_bytes.size()}));
            sent += size;
        }
        COMMON_TRY(const auto frame, next(deadline));
        if (frame.stream != stream) {
            continue;
        }
        if (frame.kind == proto::GuestOutput::kind) {
            COMMON_TRY(const auto piece, proto::decode_guest_body<proto::GuestOutput>(frame.body));
            (piece.channel == "stdout" ? outcome.out : outcome.err) += piece.data;
            COMMON_CHECK(send(
                stream,
                proto::GuestCredit{piece.channel, static_cast<std::uint32_t>(piece.data.size())}));
        } else if (frame.kind == proto::GuestCredit::kind) {
            COMMON_TRY(const auto credit, proto::decode_guest_body<proto::GuestCredit>(frame.body));
            allowed += credit.bytes;
        } else if (frame.kind == proto::GuestExit::kind) {
            COMMON_TRY(outcome.exit, proto::decode_guest_body<proto::GuestExit>(frame.body));
            return outcome;
        } else if (frame.kind == proto::GuestExecError::kind) {
            COMMON_TRY(const auto error,
                       proto::decode_guest_body<proto::GuestExecError>(frame.body));
            return Error{ErrorCode::refused, error.message, error.code};
        }
    }
}

} // namespace test
