#include "cli/stream_events.hpp"

#include "cli/console.hpp"
#include "common/digest/base64.hpp"

#include <fmt/format.h>

namespace cli {

std::string line_of(const client::ServerEvent& event)
{
    return fmt::format("{{\"event\":{},\"id\":{},\"data\":{}}}\n",
                       Json(event.name).dump(),
                       event.id.empty() ? "null" : event.id,
                       shown_json(event.data));
}

std::optional<std::string> bytes_in(const Json& data)
{
    auto text = text_of(data, "data");
    if (text_of(data, "encoding") != "base64") {
        return text;
    }
    auto bytes = common::digest::from_base64(text);
    return bytes ? std::optional<std::string>{*std::move(bytes)} : std::nullopt;
}

} // namespace cli
