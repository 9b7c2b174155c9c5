#pragma once

#include "common/error.hpp"

namespace hostd::libvirt {

/// virt::last_error() with what the codes about domains mean.
common::Error last_error();

} // namespace hostd::libvirt
