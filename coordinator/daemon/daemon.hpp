#pragma once

#include "coordinator/daemon/settings.hpp"

namespace coordinator::daemon {

/// Serves until SIGTERM or SIGINT, which end it cleanly: requests under way get a moment,
/// whoever still waits then is told; what hosts do goes on. An error if it could not
/// start, or if another coordinator took over.
common::Result<> run_daemon(Settings settings);

/// Checks the whole audit chain, beside a running coordinator or without one.
common::Result<> verify_audit(const Settings& settings);

} // namespace coordinator::daemon
