#pragma once

#include "common/digest/base64.hpp"
#include "common/utf8.hpp"
#include "coordinator/http/reply.hpp"
#include "coordinator/http/rest/json_text.hpp"

#include <fmt/format.h>

// Server-sent events, as all streams of the API send them.
namespace coordinator::http::rest {

/// `position` is what a reader says that it has had when it comes back.
inline std::string event_text(std::string_view name, std::uint64_t position, const Json& data)
{
    // JSON has no line breaks of its own: one line of data is enough.
    return fmt::format("event: {}\nid: {}\ndata: {}\n\n", name, position, text_of(data));
}

/// As text where it is text, so that people can read it; else as base64. Never anything in between:
/// a program must get the bytes that were written.
inline void set_bytes(Json& json, const std::string& bytes)
{
    const bool is_text = common::is_utf8(bytes);
    json["data"] = is_text ? bytes : common::digest::to_base64(bytes);
    json["encoding"] = is_text ? "utf-8" : "base64";
}

/// The last one when the coordinator ends: whoever reads comes back.
inline std::string interrupted_text(std::uint64_t position)
{
    return event_text("interrupted", position, Json{{"retry_from", position}});
}

inline Reply event_stream(std::shared_ptr<ReplyStream> stream)
{
    Reply reply;
    reply.content_type = "text/event-stream";
    reply.headers.emplace_back("Cache-Control", "no-store");
    reply.headers.emplace_back("X-Accel-Buffering", "no"); // A proxy must not gather it.
    reply.stream = std::move(stream);
    return reply;
}

} // namespace coordinator::http::rest
