#pragma once

#include "common/result.hpp"

#include <string>
#include <string_view>

namespace guest::files {

/// The error of a system call: what was attempted, on which path, and `error`, an errno.
/// The path is shown as printable() does.
common::Error failure(std::string_view attempt, std::string_view path, int error);

/// The same for what only looks like the system call's fault: it says why in words.
common::Error refusal(common::ErrorCode code,
                      std::string_view attempt,
                      std::string_view path,
                      std::string_view why,
                      std::string_view reason);

/// A path for people and in UTF-8, whatever its bytes are: others and control characters as \xNN,
/// and not more than some 1024 bytes of it.
std::string printable(std::string_view path);

} // namespace guest::files
