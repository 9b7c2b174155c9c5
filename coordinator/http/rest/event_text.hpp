#pragma once

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
