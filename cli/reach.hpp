#pragma once

#include "common/result.hpp"

#include <chrono>
#include <string>

namespace cli {

struct Endpoint {
    std::string host; ///< Without the brackets of an IPv6 address.
    std::string port;
};

/// Of "http://[::1]:8080", or of a scheme's usual port.
Endpoint endpoint_of(const std::string& url);

/// Looks the name up and opens a TCP connection; the address that it reached. `not_found` for a
/// name that has no address, `unavailable` with the kernel's reason for what cannot be reached.
common::Result<std::string> reach(const Endpoint& endpoint, std::chrono::milliseconds timeout);

/// Of URLs with commas between them the first that is reached; the last one's error if none is.
common::Result<std::string> reach_any(const std::string& urls, std::chrono::milliseconds timeout);

} // namespace cli
