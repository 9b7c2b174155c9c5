#pragma once

#include "common/clock.hpp"
#include "common/result.hpp"
#include "coordinator/core/model.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coordinator::http {

/// Decoded NAME=VALUE pairs of a target's query, in order, repeats kept.
using Query = std::vector<std::pair<std::string, std::string>>;

/// Takes a piece of a body; an error ends the reading.
using BodySink = std::function<common::Result<>(std::string_view)>;

/// One request, authenticated and routed: what a resource's handler gets.
struct Request {
    Caller caller;
    std::vector<std::string> path; ///< The pattern's {parameters}, in order, decoded.
    Query query;
    std::string body;
    common::SteadyTime received;
    std::string last_event_id{}; ///< Of a reader of events that comes back; "" else.
    std::string key{};           ///< Its Idempotency-Key; "" for none.
    std::string range{};         ///< Its Range; "" for none.
    std::string upgrade{};       ///< The protocol that it would rather speak; "" for none.
    /// Of a route with Body::raw, instead of `body`: reads it, once. The sink's error, or what is
    /// wrong with the body.
    std::function<common::Result<>(const BodySink&)> content{};
};

} // namespace coordinator::http
