#pragma once

#include "common/unique_fd.hpp"
#include "guest/users.hpp"

#include <map>

namespace guest::calls {

/// The agent's side of its terminal keepers: one process for each user that asked for terminals,
/// which is that user and lives as long as the agent. One thread.
class TerminalKeepers {
public:
    static constexpr std::size_t users_at_most = 8;

    /// A connection to the user's keeper for one call; it is started if there is none. `group`: the
    /// cgroup that it and all that it starts are in; "": the agent's own. `resource_exhausted`
    /// (too_many_users), `rate_limited` (busy), `internal`.
    common::Result<common::UniqueFd> connect(const User& user, const std::string& group);

private:
    std::map<std::uint32_t, common::UniqueFd> controls_; ///< By user number.
};

} // namespace guest::calls
