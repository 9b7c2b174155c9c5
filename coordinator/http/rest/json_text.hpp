#pragma once

#include "common/clock.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace coordinator::http::rest {

using Json = nlohmann::ordered_json;

inline std::string text_of(const Json& json)
{
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Sets a text field only where there is one to tell.
inline void set_if(Json& json, const char* field, const std::string& text)
{
    if (!text.empty()) {
        json[field] = text;
    }
}

/// Likewise for a time that may be absent.
template <typename Time>
void set_if_time(Json& json, const char* field, const Time& time)
{
    if (time) {
        json[field] = common::to_rfc3339(*time);
    }
}

} // namespace coordinator::http::rest
