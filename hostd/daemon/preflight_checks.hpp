#pragma once

#include "common/process/process.hpp"
#include "hostd/daemon/preflight.hpp"

namespace hostd::daemon {

// One finding each, of what preflight() gathers. Those with no Settings are pure.

/// `unsynchronised`: the kernel's own word, adjtimex(2).
Check check_clock(bool unsynchronised);

/// `conf`: libvirt's qemu.conf. `trial`: QEMU told to sandbox itself.
Check check_seccomp(const std::string& conf, const common::Result<common::process::Outcome>& trial);

/// Both as libvirt names them, "9.0.0".
Check check_versions(const std::string& libvirt, const std::string& qemu);

/// The key pair, the coordinator's public key, and where it is.
Check check_keys(const Settings& settings);

/// Whether anything listens there: which of several, that is. Waits for a few seconds at most.
Check check_coordinators(const Settings& settings);

/// The networks that guests are put into; nothing is changed.
Check check_networks(const Settings& settings);

/// Whether this host may listen at its peer_listen and metrics_listen, or does already.
Check check_ports(const Settings& settings);

/// libvirt looks the host's own name up at each start of a domain.
Check check_own_name();

Check check_rights(const Settings& settings);

/// This machine's.
bool clock_is_unsynchronised();
common::process::Command seccomp_trial();

} // namespace hostd::daemon
