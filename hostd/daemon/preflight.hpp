#pragma once

#include "hostd/daemon/image_commands.hpp"

#include <string>
#include <vector>

namespace hostd::daemon {

/// One thing that hostd needs, as it is on this host.
struct Check {
    enum class Outcome { good, warning, failed };
    std::string name;
    Outcome outcome = Outcome::good;
    std::string found;
    std::string fix; ///< What to do; empty when good.
};

/// Looks at everything; changes nothing. Takes a few seconds at most.
std::vector<Check> preflight(const Settings& settings);

/// {"ok", "checks": [{"name", "status": ok | warn | fail, "message", "fix" unless ok}]}.
std::string to_json(const std::vector<Check>& checks);

/// Prints them; true if none failed.
bool print_checks(const std::vector<Check>& checks, Output output);

} // namespace hostd::daemon
