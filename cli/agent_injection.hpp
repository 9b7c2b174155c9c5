#pragma once

#include "cli/image_tools.hpp"

#include <string>

// Our agent, put into disks that have none.
namespace cli {

/// What `agent:` and --agent are called where that is to be done.
inline constexpr const char* agent_to_inject = "inject";

/// The agent's binary on this machine: $PADDOCK_AGENT, or where packages, quickstart and builds
/// have it beside this program. `failed_precondition` (no_agent) if there is none.
common::Result<std::string> agent_binary();

/// A copy of a qcow2 disk, in `work.folder`, with the agent in it as a service of its systemd, and
/// a user `sandbox`, which commands run as; cloud-init, where it is, waits for no cloud. The disk
/// is as it was, and so is what it stands on: one that stands on another file is refused, lest a
/// stranger's disk name a file of this machine.
///
/// By guestfish, whose virtual machine alone reads the file systems: whoever made the disk may
/// attack that, and not this machine. `what`: as people know the disk. It takes a minute.
common::Result<std::string> inject_agent(const ImageWork& work,
                                         const std::string& disk,
                                         const std::string& what,
                                         const std::string& binary);

} // namespace cli
