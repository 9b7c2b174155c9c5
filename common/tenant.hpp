#pragma once

#include <string_view>

namespace common {

/// Who warm sandboxes and what they are cloned from belong to, until somebody claims one.
/// No caller is of this tenant: the colon keeps it from being anybody's name (is_name()).
inline constexpr std::string_view pool_tenant = "system:pool";

} // namespace common
