#pragma once

#include "common/result.hpp"

#include <string>
#include <string_view>

namespace guest::files {

/// The error of a system call: what was attempted, on which path, and `error`, an errno.
common::Error failure(std::string_view attempt, std::string_view path, int error);

/// The same for what only looks like the system call's fault: it says why in words.
common::Error refusal(common::ErrorCode code,
                      std::string_view attempt,
                      std::string_view path,
                      std::string_view why,
                      std::string_view reason);

} // namespace guest::files
