#pragma once

#include "hostd/link/keys.hpp"
#include "hostd/link/session.hpp"

namespace hostd::link {

struct LinkSettings {
    std::vector<std::string> endpoints; ///< Of all coordinators, whichever leads.
    std::string coordinator_key;        ///< The public key that all of them have; pinned.
    KeyPair keys;
    SessionSettings session;
    std::chrono::milliseconds retry_first{500};
    std::chrono::milliseconds retry_max{15000};
    /// Of a handshake, and of an attempt at a machine that does not answer.
    std::chrono::milliseconds connect_timeout{5000};
    /// Between attempts at one that refuses, doubled up to the second: soon enough for a
    /// takeover, and no flood when a thousand hosts wait.
    std::chrono::milliseconds reconnect_first{100};
    std::chrono::milliseconds reconnect_max{1000};
    /// For a coordinator that stands beside the one that leads, and is of no later epoch.
    std::chrono::milliseconds rival_rest{3000};
    /// ZMTP's own heartbeat: how soon a dead peer is noticed.
    std::chrono::milliseconds zmtp_interval{2000};
    std::chrono::milliseconds zmtp_timeout{6000};
    std::size_t outbox = 65536;
};

} // namespace hostd::link
