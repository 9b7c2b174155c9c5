#pragma once

#include "common/clock.hpp"
#include "common/unique_fd.hpp"

#include <string>
#include <sys/types.h>

namespace guest {

/// The kernel's file systems where they belong. For PID 1 of the tiny image; what is
/// mounted already stays.
void mount_basics();

/// Brings lo and eth0 up and asks for an address in the background (busybox udhcpc),
/// again after it failed. Called once the hello is out: it must not delay it.
class Dhcp {
public:
    /// `group`: the cgroup that it runs in; empty for the agent's own.
    explicit Dhcp(std::string group) : group_{std::move(group)} {}
    void keep_running();
    /// Ends it, so that the next keep_running() asks with the MAC that there is by then. The
    /// address stays until an answer has come.
    void ask_again();

private:
    std::string group_;
    pid_t pid_ = 0;
    common::SteadyTime not_before_;
};

/// Sends SIGTERM to everything, waits shortly, then SIGKILL, syncs, makes the disks
/// read-only and powers off or restarts. For PID 1; does not return.
[[noreturn]] void end_machine(bool reboot);

/// Readable when an IPv4 address or a link changes (rtnetlink). -1 if there is none.
common::UniqueFd open_net_events();

/// The virtio port of that name, non-blocking; waits for it to appear. By the names in
/// sysfs, because there is no udev that would make links.
common::UniqueFd open_port(const std::string& name);

} // namespace guest
