#pragma once

#include "common/config/config.hpp"
#include "coordinator/http/options.hpp"

#include <string>

namespace coordinator::daemon {

/// http_address: "127.0.0.1:8080", "[::1]:8080"; ":8080" is every address. `invalid_argument` also
/// for one that needs allow_plaintext.
common::Result<> read_http_address(const common::config::Config& config, http::Options& options);

/// http_advertise, or what of `options` others can use; nothing if it listens everywhere.
common::Result<std::string> read_advertised(const common::config::Config& config,
                                            const http::Options& options);

} // namespace coordinator::daemon
