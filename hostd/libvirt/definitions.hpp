#pragma once

#include "common/result.hpp"
#include "hostd/libvirt/our_domains.hpp"

#include <optional>
#include <string>

namespace hostd::libvirt {

/// What was defined under a name and is stopped, for one that is to run on.
struct Stopped {
    Domain domain;
    std::string uuid;
    std::string definition;
};

/// Nothing if the name is free. `already_exists` if what has it runs, or is somebody else's.
common::Result<std::optional<Stopped>> find_stopped(virConnectPtr connection,
                                                    const std::string& name);

common::Result<> define(virConnectPtr connection, const std::string& xml);

/// Undoes define() and a start: of one that was not there nothing is left, one that was stopped is
/// as it was.
common::Result<>
take_back(virConnectPtr connection, const std::string& name, const std::optional<Stopped>& before);

} // namespace hostd::libvirt
