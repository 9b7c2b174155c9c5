#pragma once

#include "common/clock.hpp"
#include "coordinator/core/model.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coordinator::http {

/// Decoded NAME=VALUE pairs of a target's query, in order, repeats kept.
using Query = std::vector<std::pair<std::string, std::string>>;

/// One request, authenticated and routed: what a resource's handler gets.
struct Request {
    Caller caller;
    std::vector<std::string> path; ///< The pattern's {parameters}, in order, decoded.
    Query query;
    std::string body;
    common::SteadyTime received;
    std::string last_event_id{}; ///< Of a reader of events that comes back; "" else.
    std::string key{};           ///< Its Idempotency-Key; "" for none.
};

} // namespace coordinator::http
