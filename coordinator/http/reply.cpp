#include "coordinator/http/reply.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace coordinator::http {

namespace {

using common::ErrorCode;

struct ByReason {
    std::string_view reason;
    int status;
};

constexpr std::array by_reason{
    ByReason{"unauthenticated", 401},
    ByReason{"method_not_allowed", 405},
    ByReason{"request_timeout", 408},
    ByReason{"unsupported_media_type", 415},
    ByReason{"range_beyond_end", 416},
    ByReason{"use_event_stream", 426},
    ByReason{"head_too_large", 431},
    ByReason{"host_unreachable", 502},
    ByReason{"host_failed", 502},
    ByReason{"not_the_leader", 503},
    ByReason{"http_version_not_supported", 505},
};

int status_of(ErrorCode code) noexcept
{
    switch (code) {
    case ErrorCode::invalid_argument: return 400;
    case ErrorCode::permission_denied: return 403;
    case ErrorCode::not_found: return 404;
    case ErrorCode::already_exists: return 409;
    case ErrorCode::failed_precondition: return 409;
    case ErrorCode::refused: return 422;
    case ErrorCode::too_large: return 413;
    case ErrorCode::rate_limited: return 429;
    case ErrorCode::resource_exhausted: return 503;
    case ErrorCode::unimplemented: return 501;
    case ErrorCode::unavailable: return 503;
    case ErrorCode::timeout: return 504;
    case ErrorCode::internal: return 500;
    }
    return 500;
}

} // namespace

int status_of(const common::Error& error) noexcept
{
    const auto* const at = std::ranges::find(by_reason, error.reason, &ByReason::reason);
    return at == by_reason.end() ? status_of(error.code) : at->status;
}

Reply error_reply(const common::Error& error, const common::RequestId& request)
{
    Reply reply;
    reply.status = status_of(error);
    nlohmann::ordered_json body;
    if (error.code == ErrorCode::internal) {
        body["error"] = "the coordinator failed to handle the request; its log has the cause "
                        "under this request_id";
    } else {
        body["error"] = error.message;
    }
    body["code"] = reply.status;
    body["reason"] = error.stable_reason();
    if (!error.details.empty() && error.code != ErrorCode::internal) {
        body["details"] = error.details;
    }
    if (!error.fields.empty()) {
        auto& fields = body["errors"] = nlohmann::ordered_json::array();
        for (const auto& field : error.fields) {
            fields.push_back({{"field", field.field}, {"message", field.message}});
        }
    }
    body["request_id"] = request.str();
    reply.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    reply.headers.emplace_back("X-Request-ID", request.str());
    if (reply.status == 426) {
        reply.headers.emplace_back("Upgrade", "HTTP/1.1"); // RFC 9110 wants one to be named.
    }
    if (reply.status == 401) {
        reply.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="paddock")");
    }
    if (reply.status == 429 || reply.status == 503 || error.reason == "idempotency_in_progress") {
        // Capacity frees as slowly as sandboxes end; the rest is a matter of a moment.
        const bool slow = error.code == ErrorCode::resource_exhausted ||
                          error.reason == "too_many_idempotency_keys";
        reply.headers.emplace_back("Retry-After", slow ? "5" : "1");
    }
    return reply;
}

} // namespace coordinator::http
