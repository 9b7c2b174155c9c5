#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace coordinator::standby {

/// Bounds of the proxy. Those of the leader's HTTP server hold for what passes through it, too.
struct ProxyOptions {
    std::string address = "127.0.0.1"; ///< A literal IPv4 or IPv6 address.
    std::uint16_t port = 8080;         ///< 0: any free one, see Proxy::port.
    std::size_t max_connections = 4096;
    /// That one side has sent and the other has not taken, all together. Over it a connection
    /// is cut; one alone holds 32 KiB at most.
    common::Bytes max_unsent = common::Bytes::mib(64);
    std::chrono::milliseconds first_byte_timeout{10'000}; ///< Of a new connection.
    std::chrono::milliseconds connect_timeout{2'000};     ///< To the leader.
    std::chrono::milliseconds write_timeout{30'000};      ///< For a client to take something.
    std::chrono::milliseconds linger_timeout{2'000};      ///< For it to close after us.
    /// What a client is told whose connection leads nowhere: a whole HTTP reply.
    std::function<std::string(const common::Error& why)> refusal;
};

/// Passes connections on to the coordinator that leads, byte for byte, so that all that its HTTP
/// server does works here: it alone reads requests, knows tokens and answers. A connection is made
/// to it when its client has sent something. Who comes while nobody leads gets `refusal`
/// ("no_leader"); a connection whose leader is gone is cut, since nobody knows what became of its
/// request. One thread of its own; owned, started and stopped by another.
class Proxy {
public:
    explicit Proxy(ProxyOptions options);
    ~Proxy(); ///< stop().
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    /// Listens when it returns. `unavailable`: the address is taken.
    common::Result<> start();
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// Where the leader is from now on, "ADDRESS:PORT" or "NAME:PORT"; empty: nobody leads.
    /// Connections to another one are cut. Said again it looks a name up again, if connecting has
    /// failed meanwhile. Any thread.
    void lead_to(const std::string& address);

    /// Runs `heard` on the proxy's thread, so that whoever asks learns that it works. Any thread.
    void probe(std::function<void()> heard);

    /// Cuts every connection and frees the address. Idempotent.
    void stop();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace coordinator::standby
