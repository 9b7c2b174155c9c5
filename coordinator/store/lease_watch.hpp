#pragma once

#include "common/clock.hpp"
#include "coordinator/store/session.hpp"
#include "coordinator/store/settings.hpp"

namespace coordinator::store {

/// The lease is an advisory lock; these are numbers, one space for each database: "paddockw" in
/// ASCII.
inline constexpr const char* lease_key = "8097863987517156215";

/// What the writer's connection is called, with something that is its own: in turn.
inline constexpr const char* standby_name = "paddock-standby-";
inline constexpr const char* loading_name = "paddock-loading-"; ///< From the lease to the load.
inline constexpr const char* writer_name = "paddock-writer-";

/// The holder of the lease as one sees it who would like to have it: who that is, and whether it
/// still asks for anything. Its clock does not count, only whether what the server notes of its
/// connection changes. A server that is slow itself is no silence of the holder. One thread.
class LeaseWatch {
public:
    LeaseWatch(const StoreSettings& settings, Session& session)
        : settings_{settings}, session_{session}
    {}

    /// Who leads. Now and then; the errors are Session::run's.
    common::Result<LeaderSeen> look(common::SteadyTime now);

    /// The holder has asked for nothing for leader_silence, although the server waits for it;
    /// for bulk_timeout while it still loads.
    [[nodiscard]] bool is_silent(common::SteadyTime now) const;

    /// Ends the connection of a silent holder, and with it the lease, unless it has spoken since
    /// the last look. False: it had.
    common::Result<bool> end_it();

private:
    const StoreSettings& settings_;
    Session& session_;
    std::string pid_;  ///< Of the holder's connection at the server; empty: nobody's.
    std::string mark_; ///< Changes with whatever the holder does.
    bool loading_ = false;
    common::SteadyTime since_{};
};

} // namespace coordinator::store
