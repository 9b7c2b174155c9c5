#pragma once

#include "common/clock.hpp"
#include "coordinator/core/hosts.hpp"
#include "coordinator/link/enrolment.hpp"
#include "coordinator/link/presence.hpp"
#include "proto/envelope.hpp"
#include "proto/wire_messages.hpp"

#include <functional>
#include <map>

namespace coordinator::link {

/// The protocol with all hosts, without the socket: who has said hello over which
/// connection, and what each message means. One thread.
///
/// A host is who its CURVE key is enrolled for now; a connection is its ZeroMQ routing id.
/// Until a connection has said a hello that was welcomed nothing else is heard on it. A
/// session whose host could not be sent something ends too: the next hello brings up again
/// what was lost.
class Sessions {
public:
    struct Settings {
        std::uint64_t epoch = 0;
        std::chrono::milliseconds heartbeat{2000};
    };
    struct Ways {
        /// To one connection, encoded. False: it certainly did not go out.
        std::function<bool(const std::string& routing_id, const std::string& bytes)> send;
        std::function<void(HostEvent)> event;
        /// A host has heard of a later epoch than ours.
        std::function<void(std::uint64_t epoch)> later_epoch{};
    };

    /// `presence` follows who has a session, and hears of it before the core does.
    Sessions(Settings settings, Ways ways, Presence& presence);

    /// Who is enrolled from now on. The sessions of others end at once: refused as
    /// not_enrolled, and neither heard nor sent to again.
    void enrolled(std::shared_ptr<const EnrolledKeys> keys);

    /// One message of whoever has `key`, as authenticated. What is wrong with it is logged.
    void receive(const std::string& key, const std::string& routing_id, std::string_view bytes);
    /// Dropped if the host has no connection: what matters is sent again after its hello.
    void send(const common::HostName& host, const HostCommand& command);
    void acknowledge(const common::HostName& host, const std::string& instance, std::uint64_t seq);
    void request_sync(const common::HostName& host);

private:
    struct Connection {
        std::string routing_id;
        std::string instance;
        std::string key;
    };

    template <typename Message>
    bool say(const std::string& routing_id, const Message& message);
    void refuse(const std::string& routing_id, std::string_view reason, std::string why);
    void
    hello(const common::HostName& host, const Connection& from, const proto::Envelope& envelope);
    void lose(const common::HostName& host, std::string_view why);
    void take(const common::HostName& host,
              const Connection& connection,
              const proto::Envelope& envelope);

    const Settings settings_;
    const Ways ways_;
    Presence& presence_;
    const std::string instance_;
    std::shared_ptr<const EnrolledKeys> keys_ = std::make_shared<EnrolledKeys>();
    std::map<common::HostName, Connection> connections_;
};

} // namespace coordinator::link
