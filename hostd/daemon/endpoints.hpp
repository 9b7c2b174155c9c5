#pragma once

#include "hostd/network/subnet.hpp"

#include <string>
#include <vector>

namespace hostd::daemon {

/// The host part of "tcp://host:port" or "tcp://[::1]:port"; empty if there is none. Pure.
std::string host_of(const std::string& endpoint);

/// The IPv4 addresses of the coordinators, so that guests can be kept off them. Names are
/// looked up; one that does not resolve now is named in `unresolved`. Blocks.
std::vector<network::Subnet> addresses_of(const std::vector<std::string>& endpoints,
                                          std::vector<std::string>& unresolved);

} // namespace hostd::daemon
