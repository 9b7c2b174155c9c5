#pragma once

#include "coordinator/daemon/settings.hpp"
#include "coordinator/standby/proxy.hpp"
#include "coordinator/store/pg_store.hpp"

#include <csignal>
#include <optional>

namespace coordinator::daemon {

/// A coordinator before it leads. While another one does, or the database is away, it listens in
/// place of the HTTP server and passes every connection on to whoever leads. Main thread.
class StandingBy {
public:
    /// `signals`: any of them ends it; blocked by then.
    StandingBy(const Settings& settings, const sigset_t& signals);

    /// The store, once this coordinator has the lease; nothing if a signal came first.
    common::Result<std::unique_ptr<store::PgStore>> wait();

    /// What came is cut, and the address free for the HTTP server.
    void end();

private:
    bool follow(const store::LeaderSeen& leader);
    common::Result<> listen();
    bool is_told_to_end(std::chrono::milliseconds within);

    store::StoreSettings store_;
    const sigset_t signals_;
    standby::Proxy proxy_;
    bool listening_ = false;
    int signal_ = 0;
    std::optional<store::LeaderSeen> leader_;
    std::optional<common::Error> failed_; ///< Why it cannot stand by.
};

} // namespace coordinator::daemon
