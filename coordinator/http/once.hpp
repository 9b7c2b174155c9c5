#pragma once

#include "coordinator/core/request_keys.hpp"
#include "coordinator/http/router.hpp"
#include "coordinator/http/wire/head.hpp"

#include <string>

namespace coordinator::http {

/// The Idempotency-Key of a POST; "" for a request without one, or of another method, where the
/// header says nothing. `invalid_argument` unless it is one of 1 to 255 visible ASCII characters.
common::Result<std::string> request_key(const Head& head);

/// Runs the route's handler, or, if the same was asked for under this key before, gives the first
/// answer again with Idempotency-Replayed: true. docs/decisions/0016 says which are kept.
/// `path` is for people, and bounded.
common::Result<Reply> answer_once(RequestKeys& keys,
                                  const Route& route,
                                  const Context& context,
                                  const Request& request,
                                  const std::string& path);

} // namespace coordinator::http
