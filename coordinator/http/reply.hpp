#pragma once

#include "common/error.hpp"
#include "common/id.hpp"
#include "coordinator/http/reply_stream.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coordinator::http {

/// An answer, ready to be sent. Content-Length and Connection are the wire's business.
struct Reply {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers{};
    bool close = false;                    ///< The connection cannot be used after it.
    std::shared_ptr<ReplyStream> stream{}; ///< Instead of `body`.
    std::optional<std::uint64_t> length{}; ///< Of the stream's bytes, if known.
};

/// The one place where an error becomes an HTTP status: its code, refined by the
/// few reasons that HTTP has a number of its own for.
int status_of(const common::Error& error) noexcept;

/// The error body of /openapi.json: error, code, reason, details?, errors?, request_id.
/// An internal error's text is replaced: whoever calls this logs it first.
Reply error_reply(const common::Error& error, const common::RequestId& request);

} // namespace coordinator::http
