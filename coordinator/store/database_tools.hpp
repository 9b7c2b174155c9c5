#pragma once

#include "common/process/child.hpp"
#include "coordinator/store/session.hpp"

namespace coordinator::store {

/// A connection as the tables' owner, and PostgreSQL's own programs with the same rights. One
/// thread.
class OwnerSession {
public:
    static common::Result<std::unique_ptr<OwnerSession>> connect(const StoreSettings& settings,
                                                                 const std::string& name);

    [[nodiscard]] Session& session() { return *session_; }
    [[nodiscard]] const ConnInfo& info() const { return info_; }

    /// `failed_precondition` unless there is a schema of Paddock's.
    common::Result<> check_is_ours();

    /// That program on the same database. The password is not on its command line.
    [[nodiscard]] common::Result<common::process::Child::Program>
    tool(std::vector<std::string> argv) const;

private:
    OwnerSession(StoreSettings settings, ConnInfo info)
        : settings_{std::move(settings)}, info_{std::move(info)}
    {}

    const StoreSettings settings_;
    const ConnInfo info_;
    Watchdog watchdog_;
    std::unique_ptr<Session> session_; ///< Last: it uses the others.
};

/// To its end. Its error is told without passwords.
common::Result<> run_tool(common::process::Child::Program program, const OwnerSession& owner);
common::Result<> finish_tool(common::process::Child& child,
                             const common::process::Command& command,
                             const OwnerSession& owner);

} // namespace coordinator::store
