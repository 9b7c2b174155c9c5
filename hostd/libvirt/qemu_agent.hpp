#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace hostd::libvirt {

/// Sends one JSON command to qemu-guest-agent and gives its JSON reply.
using QemuAgentCall = std::function<common::Result<std::string>(const std::string& command)>;

/// The arguments that run `exec` as its user with its time-out, given to guest-exec as a
/// list: nothing of the caller's is ever read by a shell but the line that is for one.
/// Pure.
std::vector<std::string> qemu_agent_argv(const ExecSpec& exec);

/// Runs a command through qemu-guest-agent to its end. Its replies are the guest's word:
/// anything unexpected is an error. At most once: after the command may have begun, a
/// lost answer is `timeout` (reason outcome_unknown).
common::Result<ExecOutcome> qemu_agent_run(const QemuAgentCall& call, const ExecSpec& exec);

/// Freezes the guest's file systems, as many as it has mounted; until the thaw its agent does
/// little else. The thaw is a success too if nothing was frozen.
common::Result<> qemu_agent_freeze(const QemuAgentCall& call);
common::Result<> qemu_agent_thaw(const QemuAgentCall& call);

} // namespace hostd::libvirt
