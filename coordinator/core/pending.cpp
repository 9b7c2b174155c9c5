#include "coordinator/core/pending.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;

std::string_view to_string(Pending::Kind kind) noexcept
{
    switch (kind) {
    case Pending::Kind::create: return "create";
    case Pending::Kind::start: return "start";
    case Pending::Kind::pause: return "pause";
    case Pending::Kind::stop: return "stop";
    case Pending::Kind::destroy: return "destroy";
    case Pending::Kind::run: return "run";
    case Pending::Kind::list_vms: return "list_vms";
    }
    return "unknown";
}

Error not_recorded(std::string_view attempt, const Error& cause)
{
    const auto text = std::string{attempt} + ": the database did not record it: " + cause.message;
    switch (cause.code) {
    case ErrorCode::timeout: return {ErrorCode::timeout, text, "outcome_unknown"};
    case ErrorCode::rate_limited: return {ErrorCode::rate_limited, text, "database_busy"};
    case ErrorCode::internal: return {ErrorCode::internal, text};
    default: return {ErrorCode::unavailable, text, "database_unavailable"};
    }
}

Error no_network(std::string_view attempt)
{
    return {ErrorCode::failed_precondition,
            std::string{attempt} + ": it has no network, and so no address",
            "no_network"};
}

namespace {

void append_escaped(std::string& out, std::string_view text)
{
    constexpr std::string_view hex = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte >= 0x7f) {
            // Not only controls: what a guest or a caller said need not be UTF-8.
            out += "\\u00";
            out += hex[byte >> 4U];
            out += hex[byte & 0xfU];
        } else {
            out += c;
        }
    }
}

} // namespace

std::string detail_of(const std::vector<std::pair<std::string_view, std::string>>& fields)
{
    constexpr std::size_t longest = 1024;
    std::string json = "{";
    for (const auto& [name, value] : fields) {
        json += json.size() > 1 ? ",\"" : "\"";
        append_escaped(json, name);
        json += "\":\"";
        append_escaped(json, std::string_view{value}.substr(0, longest));
        json += '"';
    }
    return json + "}";
}

} // namespace coordinator
