#pragma once

#include "coordinator/daemon/settings.hpp"

namespace coordinator::daemon {

/// Serves until SIGTERM or SIGINT, which end it cleanly: requests under way get a moment,
/// whoever still waits then is told; what hosts do goes on. An error only if it could
/// not start.
common::Result<> run_daemon(Settings settings);

/// Checks the whole audit chain, beside a running coordinator or without one.
common::Result<> verify_audit(const Settings& settings);

} // namespace coordinator::daemon
