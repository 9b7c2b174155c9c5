#pragma once

#include "hostd/core/model.hpp"

#include <string>
#include <string_view>

namespace hostd::libvirt {

/// What a host offers, apart from the sandbox.
struct Platform {
    std::string machine = "pc-q35-7.2"; ///< Pinned: a saved state loads only in the same one.
    std::string ovmf_code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
    std::string ovmf_vars = "/usr/share/OVMF/OVMF_VARS_4M.fd";
};

/// The domain definition of `spec`. Pure: every value is escaped here, so no caller can
/// build a broken (or hostile) document out of a name or a path.
std::string domain_xml(const DomainSpec& spec, const Platform& platform);

/// What libvirt does not ask QEMU for, with Paddock's domains.
inline constexpr std::string_view unasked_capability = "cpu-unavailable-features";
std::string_view cache_of(DiskKind disk);
/// cpu.weight of cgroup v2.
unsigned cpu_shares_of(const SandboxSpec& spec);

/// `<id>`, or `<id>.g<n>` from the second incarnation on.
std::string domain_name(const common::SandboxId& id, std::uint64_t incarnation);

} // namespace hostd::libvirt
