#pragma once

#include "common/clock.hpp"
#include "common/unique_fd.hpp"
#include "coordinator/http/reply_stream.hpp"

#include <memory>
#include <string>

namespace coordinator::http {

/// One accepted socket (non-blocking, TCP_NODELAY) and what was received on it but
/// not used yet. Moves between the poller and the workers; whoever holds it owns it.
struct Connection {
    common::UniqueFd socket;
    std::string received;
    std::string peer;                      ///< For logs: "127.0.0.1".
    std::string unsent{};                  ///< The rest of a reply, which the poller sends.
    std::shared_ptr<ReplyStream> stream{}; ///< What follows that, of a reply that is a stream …
    bool chunked = false;                  ///< … in chunks, …
    bool sized = false; ///< … or as many bytes as were told; else until the connection is closed.
};

/// What becomes of a connection after one request.
enum class After {
    keep,   ///< The next request may follow.
    close,  ///< Close it.
    stream, ///< The poller sends what connection.stream gives, and then goes on or closes.
    linger, ///< Something unread is still coming: closing at once would lose the reply.
};

/// What a non-blocking receive found.
enum class Received { data, nothing_yet, end };

/// Appends what is there, at most 16 KiB, to connection.received.
Received receive(Connection& connection);

/// Waits until the socket is readable or writable (POLLIN, POLLOUT); false at the
/// deadline.
bool wait_for(int socket, short events, common::SteadyTime deadline);

/// Takes off `bytes` what can be sent without waiting; false when the peer is gone.
bool send_some(int socket, std::string_view& bytes);

/// Sends all of it; false when the peer is gone or one send made no progress by `timeout`.
bool send_all(int socket, std::string_view bytes, std::chrono::milliseconds timeout);

} // namespace coordinator::http
