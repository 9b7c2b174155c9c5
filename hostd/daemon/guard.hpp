#pragma once

#include "hostd/core/fence.hpp"
#include "hostd/daemon/settings.hpp"

#include <filesystem>

namespace hostd::daemon {

/// Keeps what this host has promised of its fence while hostd does not: it was killed, or stopped.
/// A process of its own, beside hostd. Until SIGTERM or SIGINT; an error is why it cannot begin. As
/// run_daemon(), call it in main().
common::Result<> run_guard(const Settings& settings);

/// Whether that is due. Later than hostd's own time by what may be missing in the stamp, and sooner
/// than who relies on the promise allows for.
bool guard_is_due(const FenceStamp& stamp, BootTime now);

/// Whether one runs, for this `state_dir`.
bool guard_runs(const std::filesystem::path& state_dir);

} // namespace hostd::daemon
