#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// How a host knows that a leader hears it, and what the leader says once it hears a host again that
// has fenced itself (docs/availability.md). Both from coordinator to host.
namespace proto {

/// This heartbeat was heard, and later than that PostgreSQL confirmed that who says so leads.
struct HeartbeatAck {
    static constexpr std::string_view kind = "heartbeat_ack";
    std::string instance; ///< Of the hello that began the session.
    std::uint64_t seq = 0;
};

/// Of those that were paused because no leader was heard, these go on. Not answered: their statuses
/// tell.
struct LiftFence {
    static constexpr std::string_view kind = "lift_fence";
    std::vector<std::string> sandboxes; ///< Ids.
};

template <typename Message>
std::string encode_body(const Message& message);
template <typename Message>
common::Result<Message> decode_body(std::string_view body);

} // namespace proto
