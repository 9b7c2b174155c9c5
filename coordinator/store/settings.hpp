#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace coordinator::store {

/// Who leads, as its row in the database says.
struct LeaderSeen {
    std::uint64_t epoch = 0;
    std::string http_address; ///< Empty: nobody's, or of a version that did not say.

    bool operator==(const LeaderSeen&) const = default;
};

/// How the coordinator reaches PostgreSQL. Both URLs are what libpq takes: "key=value …"
/// or "postgresql://…"; they may hold a password and are never shown.
struct StoreSettings {
    std::string database_url;       ///< As the daemon's role, `paddock`.
    std::string database_owner_url; ///< As the tables' owner; empty: database_url.

    std::chrono::milliseconds connect_timeout{5000};    ///< Whole seconds, at least 2.
    std::chrono::milliseconds statement_timeout{10000}; ///< Of a statement, and of a transaction.
    std::chrono::milliseconds write_patience{10000};    ///< How long a write outlives an outage.
    std::chrono::milliseconds lease_patience{30000};    ///< For another holder to go, at start.
    std::chrono::milliseconds bulk_timeout{120000};     ///< Of migrations and of loading.
    std::chrono::milliseconds drain_timeout{5000};      ///< For what is queued, at the end.
    std::chrono::milliseconds idle_check{1000};         ///< How often an idle lease is looked at.

    std::size_t queue_calls = 10000;                 ///< Waiting writes; more get `rate_limited`.
    std::size_t queue_bytes = std::size_t{1} << 28U; ///< Likewise, by what they hold.
    std::size_t batch_calls = 256;                   ///< That share one commit at most.
    std::size_t readers = 2;                         ///< Connections for reading.

    std::string http_address; ///< Where others reach our API once we lead.
    /// So long a leader may ask the database nothing; then one that stands by ends its
    /// connection. It asks at each idle_check, and whatever is slow at the server does not count.
    std::chrono::milliseconds leader_silence{3000};
    /// Of one that stands by: for a leader to come back before a lease that is free is taken.
    /// Of use after the database was away, when both come back at once.
    std::chrono::milliseconds lease_deference{0};
    /// Called again and again while another coordinator leads, and waits a moment: then
    /// lease_patience does not count. False: do not stand by any longer.
    std::function<bool(const LeaderSeen&)> standing_by{};

    /// Told of a connection lost, found again, or a right to write lost; on the
    /// writer's thread. Holds no secret.
    std::function<void(const std::string&)> report{};
};

} // namespace coordinator::store
