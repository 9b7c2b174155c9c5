#pragma once

#include "common/error.hpp"

#include <string_view>

namespace hostd::qemu {

/// A failed call on a file, with errno's `error`: a full disk is `resource_exhausted`
/// (disk_full), all else `internal`.
common::Error file_error(std::string_view attempt, int error);

} // namespace hostd::qemu
