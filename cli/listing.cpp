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
    while (true) {
        const auto have = listing.items().size();
        COMMON_TRY(auto body,
                   session.get(fmt::format("{}?{}{}limit={}&offset={}",
                                           path,
                                           query,
                                           query.empty() ? "" : "&",
                                           page_size,
                                           have)));
        COMMON_TRY(auto page, client::parse(body, session.url()));
        const auto& fresh = inner_of(page, field.c_str());
        const auto count = fresh.size();
        const auto total = static_cast<std::size_t>(number_of(page, "total"));
        if (have == 0) {
            listing.document = std::move(page);
            listing.verbatim = std::move(body);
        } else {
            auto& items = listing.document[field];
            items.insert(items.end(), fresh.begin(), fresh.end());
            listing.document["total"] = total;
            listing.verbatim =
                listing.document.dump(-1, ' ', false, Json::error_handler_t::replace);
        }
        // A page that is not full is the last one, whatever came or went meanwhile.
        if (count < page_size || have + count >= total) {
            return listing;
        }
    }
}

} // namespace cli
