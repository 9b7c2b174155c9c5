#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace proto {

/// The versions of the coordinator–hostd protocol that this build speaks.
inline constexpr std::uint16_t protocol_min = 1;
inline constexpr std::uint16_t protocol_max = 1;

/// Bound of one encoded message, header and body, checked before it is parsed.
inline constexpr std::size_t max_message_bytes = std::size_t{8} << 20U;

/// Around every message between coordinator and hostd:
/// msgpack [version, kind, operation_id, request_id, generation, epoch, body],
/// body being the message's own msgpack map as `bin`. A kind that a peer does not
/// know decodes all the same, so that it can be answered or ignored by name.
struct Envelope {
    std::uint16_t version = protocol_max;
    std::string kind;
    std::string operation_id; ///< The operation this asks for or answers; resending is harmless.
    std::string request_id;   ///< Of the HTTP request that caused it, for logs and audit.
    std::uint64_t generation = 0; ///< Of the sandbox; a host refuses one older than it has seen.
    std::uint64_t epoch = 0;      ///< Of the coordinator's lease; a host refuses a deposed leader.
    std::string body;
};

std::string encode(const Envelope& envelope);

/// `invalid_argument` for anything that is not exactly one envelope within bounds.
/// For hostile input; never throws.
common::Result<Envelope> decode_envelope(std::string_view bytes);

/// What both sides speak, or `failed_precondition` with a sentence for the peer's log.
common::Result<std::uint16_t> agree_on_version(std::uint16_t peer_min, std::uint16_t peer_max);

} // namespace proto
