#pragma once

#include "common/mutex.hpp"
#include "coordinator/daemon/settings.hpp"
#include "coordinator/standby/proxy.hpp"
#include "coordinator/store/pg_store.hpp"

#include <atomic>
#include <csignal>
#include <optional>

namespace coordinator::daemon {

/// A coordinator before it leads. While another one does, or the database is away, it listens in
/// place of the HTTP server and passes every connection on to whoever leads. Main thread.
class StandingBy {
public:
    /// `signals`: any of them ends it, but for SIGHUP; blocked by then. `settings` outlives this.
    StandingBy(const Settings& settings, const sigset_t& signals);

    /// The store, once this coordinator has the lease; nothing if a signal came first.
    common::Result<std::unique_ptr<store::PgStore>> wait();

    /// A line on what it waits for; nothing: what passes connections on does not answer. Any
    /// thread.
    std::optional<std::string> sign_of_life();

    /// What came is cut, and the address free for the HTTP server.
    void end();

private:
    bool follow(const store::LeaderSeen& leader);
    common::Result<> listen();
    void say(std::string waits_for);
    bool is_told_to_end(std::chrono::milliseconds within);

    const Settings& settings_;
    store::StoreSettings store_;
    const sigset_t signals_;
    standby::Proxy proxy_;
    std::atomic<bool> listening_{false};
    int signal_ = 0;
    std::optional<store::LeaderSeen> leader_;
    std::optional<common::Error> failed_; ///< Why it cannot stand by.
    common::Mutex mutex_;
    std::string waits_for_ GUARDED_BY(mutex_){"begins"}; ///< In a line.
};

} // namespace coordinator::daemon
