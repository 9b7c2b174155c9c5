#pragma once

#include "common/clock.hpp"
#include "coordinator/core/store.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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

/// {<field>: the page's items, "total": all of them}.
template <typename T>
std::string
page_body(const char* field, const std::vector<T>& all, Page page, Json (*to_item)(const T&))
{
    Json json{{field, Json::array()}, {"total", all.size()}};
    const auto begin = std::min<std::uint64_t>(page.offset, all.size());
    const auto end = std::min<std::uint64_t>(begin + page.limit, all.size());
    for (auto i = begin; i < end; ++i) {
        json[field].push_back(to_item(all[i]));
    }
    return text_of(json);
}

} // namespace coordinator::http::rest
