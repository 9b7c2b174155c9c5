#include "hostd/core/file_system_freeze.hpp"

#include "common/log/log.hpp"

namespace hostd {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error not_frozen(const Error& why)
{
    return {ErrorCode::unavailable,
            "the guest's file systems were not frozen: " + why.message,
            "guest_not_frozen"};
}

} // namespace

Result<> FileSystemFreeze::freeze(const common::SandboxId& id)
{
    // Who is not there has frozen nothing, and needs no thaw.
    if (const auto pong = hypervisor_.qemu_agent_ping(id); !pong) {
        return not_frozen(pong.error());
    }
    COMMON_CHECK(checkpoints_.mark_file_systems_frozen(id));
    auto frozen = hypervisor_.freeze_file_systems(id);
    if (frozen) {
        return {};
    }
    // It may still do it, having taken too long.
    if (const auto thawed = thaw(id); !thawed) {
        spdlog::warn(
            "{} may stay frozen until it is looked at again: {}", id.str(), thawed.error().message);
    }
    return not_frozen(frozen.error());
}

Result<> FileSystemFreeze::thaw(const common::SandboxId& id)
{
    if (!checkpoints_.are_file_systems_frozen(id)) {
        return {};
    }
    COMMON_TRY(const auto domain, hypervisor_.find(id));
    switch (domain.state) {
    case DomainState::running:
        if (const auto thawed = hypervisor_.thaw_file_systems(id); !thawed) {
            return Error{ErrorCode::unavailable,
                         "the guest's file systems were not thawed: " + thawed.error().message,
                         "agent_not_ready"};
        }
        break;
    case DomainState::ending:
    case DomainState::paused:
    case DomainState::paused_by_disk_error:
    case DomainState::unknown: return {}; // Once it runs.
    case DomainState::stopped:
    case DomainState::crashed:
        if (checkpoints_.is_suspended(id)) {
            return {};
        }
        break; // Who boots has nothing frozen.
    }
    checkpoints_.unmark_file_systems_frozen(id);
    return {};
}

} // namespace hostd
