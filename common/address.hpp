#pragma once

#include <string>

namespace common {

/// True for a literal address in 127.0.0.0/8 and for ::1, with or without the brackets
/// of a URL. A name is none.
bool is_loopback(std::string address);

} // namespace common
