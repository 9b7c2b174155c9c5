#include "coordinator/http/query_fields.hpp"

#include "coordinator/http/cursor.hpp"

#include <charconv>
#include <fmt/format.h>

namespace coordinator::http {

std::optional<std::string> QueryFields::lone(std::string_view name)
{
    const auto values = all(name);
    if (values.size() > 1) {
        wrong(std::string{name}, "is given twice");
    }
    return values.size() == 1 ? std::optional{values.front()} : std::nullopt;
}

std::optional<std::string> QueryFields::text(std::string_view name, TextRule rule)
{
    auto value = lone(name);
    if (value) {
        if (auto complaint = rule(*value); !complaint.empty()) {
            wrong(std::string{name}, std::move(complaint));
            return std::nullopt;
        }
    }
    return value;
}

std::optional<std::uint64_t> QueryFields::integer(std::string_view name, Range range)
{
    const auto value = lone(name);
    if (!value) {
        return std::nullopt;
    }
    std::int64_t number = 0;
    const auto* end = value->data() + value->size();
    const auto [at, error] = std::from_chars(value->data(), end, number);
    if (error != std::errc{} || at != end || number < range.low || number > range.high) {
        wrong(std::string{name},
              fmt::format("must be an integer from {} to {}", range.low, range.high));
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(number);
}

std::optional<bool> QueryFields::boolean(std::string_view name)
{
    const auto value = lone(name);
    if (!value) {
        return std::nullopt;
    }
    if (*value == "true" || *value == "1") {
        return true;
    }
    if (*value != "false" && *value != "0") {
        wrong(std::string{name}, "must be true or false");
    }
    return false;
}

std::vector<std::string> QueryFields::all(std::string_view name)
{
    asked_.emplace(name);
    std::vector<std::string> values;
    for (const auto& [key, value] : query_) {
        if (key == name) {
            values.push_back(value);
        }
    }
    return values;
}

std::optional<std::uint64_t> QueryFields::position(const std::string& last_event_id)
{
    constexpr Range positions{0, INT64_MAX};
    const auto from = integer("from", positions);
    if (from || last_event_id.empty()) {
        return from;
    }
    const Query header{{"Last-Event-ID", last_event_id}};
    QueryFields last{header};
    const auto position = last.integer("Last-Event-ID", positions);
    wrong_.insert(wrong_.end(), last.wrong_.begin(), last.wrong_.end());
    return position;
}

Page QueryFields::page()
{
    constexpr Range limits{1, 500};
    constexpr Range offsets{0, INT64_MAX};
    Page page;
    page.limit = static_cast<std::uint32_t>(integer("limit", limits).value_or(page.limit));
    page.offset = integer("offset", offsets).value_or(0);
    if (const auto cursor = lone("cursor")) {
        page.after = from_cursor(*cursor);
        if (!page.after) {
            wrong("cursor", "must be a next_cursor of this list");
        } else if (page.offset > 0) {
            wrong("cursor", "and offset exclude each other");
        }
    }
    return page;
}

void QueryFields::wrong(std::string field, std::string message)
{
    wrong_.push_back({std::move(field), std::move(message)});
}

common::Result<> QueryFields::finish(std::string_view attempt)
{
    for (const auto& [name, value] : query_) {
        if (!asked_.contains(name)) {
            wrong(shown(name), "is not a parameter of this request");
        }
    }
    if (!wrong_.empty()) {
        return field_error(attempt, std::move(wrong_));
    }
    return {};
}

} // namespace coordinator::http
