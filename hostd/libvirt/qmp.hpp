#pragma once

#include "common/result.hpp"

#include <libvirt/libvirt.h>
#include <nlohmann/json.hpp>
#include <string>

namespace hostd::libvirt {

/// The "return" of a reply of QEMU's; what it refused is `internal` with its own words.
common::Result<nlohmann::json> qmp_return(const std::string& command, std::string_view reply);

/// Gives one command to the QEMU of a domain. libvirt stays the monitor's owner: what it does not
/// expect it looks up again by the events that come of it.
common::Result<nlohmann::json>
qmp(virDomainPtr domain, const std::string& command, nlohmann::json arguments = {});

/// Gives QEMU a file descriptor by this name.
common::Result<> qmp_give(virDomainPtr domain, const std::string& name, int fd);

/// QEMU's own word for how the guest is: "running", "paused", "postmigrate", …
common::Result<std::string> qmp_status(virDomainPtr domain);

} // namespace hostd::libvirt
