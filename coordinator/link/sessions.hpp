#pragma once

#include "common/clock.hpp"
#include "coordinator/core/hosts.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_messages.hpp"

#include <functional>
#include <map>

namespace coordinator::link {

/// The protocol with all hosts, without the socket: who has said hello over which
/// connection, and what each message means. One thread.
///
/// A host is who its CURVE key is enrolled for; a connection is its ZeroMQ routing id.
/// Until a connection has said a hello that was welcomed nothing else is heard on it.
class Sessions {
public:
    struct Settings {
        std::uint64_t epoch = 0;
        std::chrono::milliseconds heartbeat{2000};
    };
    struct Ways {
        /// To one connection, encoded.
        std::function<void(const std::string& routing_id, std::string bytes)> send;
        std::function<void(HostEvent)> event;
    };

    Sessions(Settings settings, Ways ways);

    /// One message of `host`, as authenticated. What is wrong with it is logged.
    void
    receive(const common::HostName& host, const std::string& routing_id, std::string_view bytes);
    /// Dropped if the host has no connection: what matters is sent again after its hello.
    void send(const common::HostName& host, const HostCommand& command);
    void acknowledge(const common::HostName& host, const std::string& instance, std::uint64_t seq);
    void request_sync(const common::HostName& host);

private:
    struct Connection {
        std::string routing_id;
        std::string instance;
    };

    template <typename Message>
    void say(const std::string& routing_id, const Message& message);
    void hello(const common::HostName& host,
               const std::string& routing_id,
               const proto::Envelope& envelope);
    void take(const common::HostName& host,
              const Connection& connection,
              const proto::Envelope& envelope);

    const Settings settings_;
    const Ways ways_;
    const std::string instance_;
    std::map<common::HostName, Connection> connections_;
};

} // namespace coordinator::link
