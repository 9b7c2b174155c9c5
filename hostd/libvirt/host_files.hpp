#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <string>
#include <string_view>

namespace hostd::libvirt {

/// A definition that was captured, perhaps on another host: with what it boots from as that is
/// here, and QEMU as libvirt finds it here. What reborn() does not set and might name a file or a
/// socket of this host is refused, and so is more memory or CPUs than `record` says:
/// `failed_precondition` (state_incompatible). Pure.
common::Result<std::string>
at_home(std::string_view definition, const DomainRecord& record, const Image& image);

} // namespace hostd::libvirt
