#pragma once

#include "common/result.hpp"
#include "hostd/core/model.hpp"

#include <chrono>
#include <filesystem>
#include <libvirt/libvirt.h>
#include <string>
#include <string_view>

// Domains of somebody else's. They are read and, where they run, backed up; nothing else.
namespace hostd::libvirt {

std::string uuid_of(virDomainPtr domain);
ForeignVm describe_foreign(virDomainPtr domain);

/// What its definition says an image can be made of; name, uuid and whether it runs are left out.
/// Strict: `failed_precondition` (vm_unsupported). Pure.
common::Result<ForeignSource> foreign_source_of(std::string_view domain_xml);

/// As Hypervisor's.
common::Result<ForeignSource> foreign_source(virDomainPtr domain);
common::Result<> back_up(virDomainPtr domain,
                         const ForeignSource& source,
                         const std::filesystem::path& into,
                         std::chrono::milliseconds patience);

} // namespace hostd::libvirt
