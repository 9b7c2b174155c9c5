#pragma once

#include "common/result.hpp"
#include "coordinator/http/options.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace coordinator::daemon {

/// The token file: one "<name> <sha256 of the token, hex>" a line, # begins a comment.
/// `not_found`; `invalid_argument` with the line; `failed_precondition` if others may write it.
common::Result<std::vector<http::Token>> read_tokens(const std::filesystem::path& file);

/// Makes a token of 256 random bits, adds its digest to the file (mode 0600) under
/// `name` in place of any older one, and gives the token itself: it is kept nowhere.
common::Result<std::string> make_token(const std::filesystem::path& file, const std::string& name);

} // namespace coordinator::daemon
