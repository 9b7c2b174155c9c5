#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

namespace coordinator::store {

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

    /// Told of a connection lost, found again, or a right to write lost; on the
    /// writer's thread. Holds no secret.
    std::function<void(const std::string&)> report{};
};

} // namespace coordinator::store
