#include "coordinator/http/wire/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>

namespace coordinator::http {

Received receive(Connection& connection)
{
    std::array<char, 16384> buffer; // NOLINT(*-member-init): recv fills what is read.
    while (true) {
        const auto n = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
        if (n > 0) {
            connection.received.append(buffer.data(), static_cast<std::size_t>(n));
            return Received::data;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        const bool later = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        return later ? Received::nothing_yet : Received::end;
    }
}

bool wait_for(int socket, short events, common::SteadyTime deadline)
{
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return false;
        }
        pollfd wanted{socket, events, 0};
        const int n = ::poll(&wanted, 1, static_cast<int>(std::min<long>(left.count(), 60'000)));
        if (n > 0) {
            return true; // An error counts as ready: the next call reports it.
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
    }
}

bool send_some(int socket, std::string_view& bytes)
{
    while (!bytes.empty()) {
        const auto n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno != EINTR) {
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
    }
    return true;
}

bool send_all(int socket, std::string_view bytes, std::chrono::milliseconds timeout)
{
    while (send_some(socket, bytes)) {
        if (bytes.empty()) {
            return true;
        }
        if (!wait_for(socket, POLLOUT, std::chrono::steady_clock::now() + timeout)) {
            return false;
        }
    }
    return false;
}

} // namespace coordinator::http
