#pragma once

#include "common/error.hpp"

#include <string>

namespace cli {

// What the program exits with. A command in a sandbox exits with any number; these keep clear of
// what shells (126, 127, 128 + signal), timeout (124) and xargs (123) mean by theirs.
inline constexpr int exit_ok = 0;
inline constexpr int exit_check_failed = 1; ///< Of doctor and audit verify.
inline constexpr int exit_usage = 2;
inline constexpr int exit_denied = 115;
inline constexpr int exit_not_found = 116;
inline constexpr int exit_conflict = 117;
inline constexpr int exit_refused = 118;
inline constexpr int exit_no_capacity = 119;
inline constexpr int exit_unreachable = 120;
inline constexpr int exit_outcome_unknown = 121;
inline constexpr int exit_failed = 125; ///< As docker's.

int exit_status_of(const common::Error& error) noexcept;

/// The table for --help.
std::string exit_status_help();

} // namespace cli
