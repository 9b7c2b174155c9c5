#pragma once

#include "common/clock.hpp"
#include "coordinator/core/page.hpp"
#include "coordinator/http/cursor.hpp"

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

/// An object that is made field by field, in this order. It does not look whether a name is there
/// already, and copies nothing: for what a reply holds many of.
class Object {
public:
    template <typename Value>
    void set(const char* field, Value&& value)
    {
        fields_.emplace_back(field, std::forward<Value>(value));
    }
    void set_if(const char* field, const std::string& text)
    {
        if (!text.empty()) {
            set(field, text);
        }
    }
    template <typename Time>
    void set_if_time(const char* field, const Time& time)
    {
        if (time) {
            set(field, common::to_rfc3339(*time));
        }
    }
    [[nodiscard]] Json take() { return std::move(fields_); }

private:
    static constexpr std::size_t usual = 24; // Fields of a sandbox that has nearly all of them.

    Json::object_t fields_ = [] {
        Json::object_t fields;
        fields.reserve(usual);
        return fields;
    }();
};

/// Where the next page begins, if there is one.
inline void set_next(Json& json, const std::optional<Position>& next)
{
    if (next) {
        json["next_cursor"] = to_cursor(*next);
    }
}

/// {<field>: the page's items, "total": all of them}. `all` is sorted as `sorted` says by what
/// position_of() gives.
template <typename T>
std::string page_body(const char* field,
                      const std::vector<T>& all,
                      const Page& page,
                      Json (*to_item)(const T&),
                      Position (*position_of)(const T&),
                      Sorted sorted = Sorted::ascending)
{
    Json json{{field, Json::array()}, {"total", all.size()}};
    const auto part = part_of(all, page, sorted, position_of);
    for (auto i = part.begin; i < part.end; ++i) {
        json[field].push_back(to_item(all[i]));
    }
    set_next(json, part.next);
    return text_of(json);
}

} // namespace coordinator::http::rest
