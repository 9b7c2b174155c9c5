// What LibvirtHypervisor asks qemu-guest-agents.
#include "hostd/libvirt/last_error.hpp"
#include "hostd/libvirt/libvirt_hypervisor.hpp"
#include "hostd/libvirt/our_domains.hpp"
#include "hostd/libvirt/qemu_agent.hpp"

#include <libvirt/libvirt-qemu.h>

namespace hostd::libvirt {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::SandboxId;
using virt::CString;

Result<std::string> LibvirtHypervisor::ask_agent(const SandboxId& id, const std::string& command)
{
    // A connection per question: a long command must not hold one while it sleeps.
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    constexpr int seconds = 10;
    const CString reply{virDomainQemuAgentCommand(domain.get(), command.c_str(), seconds, 0)};
    if (!reply) {
        return last_error().during("ask qemu-guest-agent of " + id.str());
    }
    return std::string{reply.get()};
}

Result<ExecOutcome> LibvirtHypervisor::qemu_agent_exec(const SandboxId& id, const ExecSpec& exec)
{
    const auto call = [this, &id](const std::string& command) -> Result<std::string> {
        const auto pass = agents_.enter(id);
        return ask_agent(id, command);
    };
    return qemu_agent_run(call, exec);
}

Result<> LibvirtHypervisor::qemu_agent_ping(const SandboxId& id)
{
    COMMON_TRY(const auto connection, pool_.take());
    COMMON_TRY(const auto domain, look_up(connection.get(), id));
    const CString reply{
        virDomainQemuAgentCommand(domain.get(), R"({"execute":"guest-ping"})", /*seconds=*/1, 0)};
    if (!reply) {
        auto error = last_error();
        return Error{ErrorCode::unavailable,
                     "ask qemu-guest-agent of " + id.str() + ": " + error.message,
                     "agent_not_ready"};
    }
    return {};
}

Result<> LibvirtHypervisor::freeze_file_systems(const SandboxId& id)
{
    agents_.close(id);
    auto frozen = qemu_agent_freeze(
        [this, &id](const std::string& command) { return ask_agent(id, command); });
    if (!frozen) {
        agents_.open(id);
    }
    return frozen;
}

Result<> LibvirtHypervisor::thaw_file_systems(const SandboxId& id)
{
    auto thawed =
        qemu_agent_thaw([this, &id](const std::string& command) { return ask_agent(id, command); });
    agents_.open(id);
    return thawed;
}

} // namespace hostd::libvirt
