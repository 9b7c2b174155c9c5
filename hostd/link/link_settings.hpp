#pragma once

#include "hostd/link/keys.hpp"
#include "hostd/link/session.hpp"

namespace hostd::link {

struct LinkSettings {
    std::vector<std::string> endpoints; ///< Tried in turn; one at a time.
    std::string coordinator_key;        ///< The pinned public key.
    KeyPair keys;
    SessionSettings session;
    std::chrono::milliseconds retry_first{500};
    std::chrono::milliseconds retry_max{15000};
    std::chrono::milliseconds connect_timeout{5000};
    /// ZMTP's own heartbeat: how soon a dead peer is noticed.
    std::chrono::milliseconds zmtp_interval{2000};
    std::chrono::milliseconds zmtp_timeout{6000};
    std::size_t outbox = 65536;
};

} // namespace hostd::link
