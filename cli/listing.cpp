#include "cli/listing.hpp"

#include <fmt/format.h>

namespace cli {

namespace {

constexpr std::size_t page_size = 500; // The API's most.

} // namespace

std::string text_of(const Json& json, const char* field)
{
    const auto found = json.find(field);
    if (found == json.end() || found->is_null()) {
        return "";
    }
    return found->is_string() ? found->get<std::string>() : found->dump();
}

std::int64_t number_of(const Json& json, const char* field)
{
    const auto found = json.find(field);
    return found != json.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

const Json& inner_of(const Json& json, const char* field)
{
    static const Json nothing = Json::array();
    const auto found = json.find(field);
    return found != json.end() && found->is_structured() ? *found : nothing;
}

common::Result<Listing> list_all(client::Session& session,
                                 const std::string& path,
                                 const std::string& query,
                                 const std::string& field)
{
    Listing listing{field, {}, {}};
    std::string next;
    do {
        const auto at = fmt::format("{}?{}{}limit={}{}",
                                    path,
                                    query,
                                    query.empty() ? "" : "&",
                                    page_size,
                                    next.empty() ? "" : "&cursor=" + client::encoded(next));
        COMMON_TRY(auto body, session.get(at));
        COMMON_TRY(auto page, client::parse(body, session.url()));
        next = text_of(page, "next_cursor");
        if (listing.document.is_null()) {
            listing.document = std::move(page);
            listing.verbatim = std::move(body);
            if (next.empty()) {
                return listing;
            }
        } else {
            const auto& fresh = inner_of(page, field.c_str());
            next = fresh.empty() ? "" : next;
            auto& items = listing.document[field];
            items.insert(items.end(), fresh.begin(), fresh.end());
            listing.document["total"] = number_of(page, "total");
        }
    } while (!next.empty());
    listing.document.erase("next_cursor");
    listing.verbatim = listing.document.dump(-1, ' ', false, Json::error_handler_t::replace);
    return listing;
}

} // namespace cli
