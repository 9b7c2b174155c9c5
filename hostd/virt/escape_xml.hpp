#pragma once

#include <string>
#include <string_view>

namespace hostd::virt {

/// For text and attributes. Control characters that XML cannot hold become U+FFFD.
std::string escape_xml(std::string_view text);

} // namespace hostd::virt
