#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coordinator::http {

/// The request line and headers of one HTTP/1.x request (RFC 9112), read strictly:
/// whatever two parsers could understand differently is refused, because that is
/// how requests are smuggled.
struct Head {
    enum class Framing { none, length, chunked };

    std::string method;
    std::string target;                                       ///< As sent: not decoded.
    std::vector<std::pair<std::string, std::string>> headers; ///< Names in lower case.
    Framing framing = Framing::none;
    std::uint64_t length = 0; ///< For Framing::length.
    bool keep_alive = true;
    bool takes_chunks = true; ///< A reply may come in chunks: not to HTTP/1.0.
    bool expects_continue = false;

    /// Null where the header is absent; the first one where it is repeated.
    [[nodiscard]] const std::string* find(std::string_view lower_name) const noexcept;
};

/// The size of the head at the start of `bytes`, blank line included; 0 while it is
/// incomplete.
std::size_t head_size(std::string_view bytes) noexcept;

/// `head` is what head_size() covers. `invalid_argument` says what is malformed;
/// `unimplemented` names a method or version that is not served.
common::Result<Head> parse_head(std::string_view head);

} // namespace coordinator::http
