#include "hostd/qemu/file_error.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <system_error>

namespace hostd::qemu {

common::Error file_error(std::string_view attempt, int error)
{
    const bool full = error == ENOSPC || error == EDQUOT;
    return {full ? common::ErrorCode::resource_exhausted : common::ErrorCode::internal,
            fmt::format("cannot {}: {}", attempt, std::generic_category().message(error)),
            full ? "disk_full" : ""};
}

} // namespace hostd::qemu
