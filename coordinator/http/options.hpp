#pragma once

#include "common/bytes.hpp"
#include "common/digest/digest.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coordinator::http {

/// A caller's key. Only its SHA-256 is kept; the token itself never is.
struct Token {
    std::string name; ///< Becomes the actor "token:<name>" in the audit.
    common::digest::Sha256 sha256{};
};

enum class Auth {
    tokens,
    none, ///< For tests: Server::start refuses it unless the listener is loopback.
};

enum class AccessLog { debug, info };

/// Every bound of the HTTP listener and what is answered when it is reached.
struct Options {
    std::string address = "127.0.0.1"; ///< A literal IPv4 or IPv6 address.
    std::uint16_t port = 8080;         ///< 0: any free one, see Server::port.

    /// Requests served at once; an idle connection holds none. One in sixteen is for who asks how
    /// we are, and of the others at most half are for uploads; 429.
    unsigned threads = 128;
    /// How many of them may wait for hosts.
    [[nodiscard]] constexpr unsigned working_threads() const noexcept
    {
        constexpr unsigned reserved_part = 16;
        constexpr unsigned few = 4; // Of those each is needed.
        return threads < few ? threads : threads - std::max(1U, threads / reserved_part);
    }
    common::Bytes thread_stack = common::Bytes::kib(512);
    std::size_t queue = 256;            ///< Requests that wait for a thread; over it 503.
    std::size_t max_connections = 4096; ///< Over it 503 and close.

    common::Bytes max_head = common::Bytes::kib(32); ///< Request line and headers; 431.
    common::Bytes max_body = common::Bytes::mib(1);  ///< 413, chunked or not.
    /// Of replies that their clients have not taken yet, all together. The connection of
    /// one that does not fit is closed.
    common::Bytes max_unsent = common::Bytes::mib(64);

    std::chrono::milliseconds head_timeout{10'000}; ///< First byte to end of headers; 408.
    /// For the whole body or, of a file's bytes, for each 64 KiB of it; 408.
    std::chrono::milliseconds body_timeout{30'000};
    std::chrono::milliseconds idle_timeout{60'000}; ///< Between requests; closed silently.
    /// For each 64 KiB of a reply to leave. It does not run while a handler works, so it
    /// never cuts a long command short.
    std::chrono::milliseconds write_timeout{30'000};

    std::size_t max_streams = 1024; ///< Replies that go on for as long as their client reads; 503.
    std::chrono::milliseconds stream_silence{15'000}; ///< Then one of them gets a sign of life.

    /// Names under which the API is reached, beyond localhost and plain addresses.
    std::vector<std::string> allowed_hosts;
    Auth auth = Auth::tokens;
    std::vector<Token> tokens;
    AccessLog access_log = AccessLog::info;
};

} // namespace coordinator::http
