#pragma once

#include "common/result.hpp"
#include "hostd/libvirt/engine_steps.hpp"

#include <libvirt/libvirt.h>
#include <string>

namespace hostd::libvirt {

// libvirt's managed save, as the way back while another state is loaded into a domain: whoever
// starts the domain next gets the guest that was put aside, also if hostd ended in between.

/// What a domain is before it is put aside.
struct WayBack {
    std::string name;
    std::uint64_t incarnation = 0;
    Life life = Life::paused;
    std::string definition;
};
common::Result<WayBack> way_back_of(virDomainPtr domain);

/// Stops a domain that runs or is paused, its memory kept. On failure it goes on as it was, unless
/// libvirtd went away: bring_back() finds out.
common::Result<> put_aside(virDomainPtr domain, const WayBack& way_back);

/// The domain is as it was, and runs or is paused as it did, whatever became of it meanwhile.
common::Result<> bring_back(virConnectPtr connection, const WayBack& way_back);

/// Nobody wants it any more. Success if nothing was put aside.
common::Result<> drop_aside(virDomainPtr domain);

/// Drops what was put aside of an earlier incarnation than the domain is defined as.
common::Result<> drop_stale_aside(virDomainPtr stopped);

} // namespace hostd::libvirt
