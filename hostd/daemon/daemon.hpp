#pragma once

#include "hostd/daemon/settings.hpp"

namespace hostd::daemon {

/// Serves until SIGTERM or SIGINT; VMs go on running. Call in main() before other threads
/// start: it sets up the log and blocks those signals. An error is why it cannot start.
common::Result<> run_daemon(const Settings& settings);

} // namespace hostd::daemon
