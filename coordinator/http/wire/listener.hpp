#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"

#include <cstdint>
#include <string>

namespace coordinator::http {

struct Listener {
    common::UniqueFd socket; ///< Non-blocking, close-on-exec.
    std::uint16_t port = 0;  ///< The one that was bound.
};

/// `address` is a literal IPv4 or IPv6 address; port 0 takes a free one.
common::Result<Listener> listen_on(const std::string& address, std::uint16_t port);

/// True for any literal address, with or without the brackets of a URL.
bool is_address(std::string_view text);

} // namespace coordinator::http
