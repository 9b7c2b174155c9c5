#pragma once

#include "client/session.hpp"
#include "common/result.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace cli {

using Json = nlohmann::ordered_json;

// Fields of an answer, which may come from a newer coordinator: what is missing is empty.
std::string text_of(const Json& json, const char* field); ///< Numbers and booleans as text.
std::int64_t number_of(const Json& json, const char* field);
/// An object or list within; an empty one where there is none.
const Json& inner_of(const Json& json, const char* field);

/// All pages of a list as one document.
struct Listing {
    std::string field;    ///< Of `document`, that holds the items.
    std::string verbatim; ///< As it came, or `document` where several pages were put together.
    Json document;

    [[nodiscard]] const Json& items() const { return inner_of(document, field.c_str()); }
};

/// `query`: "a=b&c=d", encoded, or empty. Asks for page after page, so that what comes and goes
/// meanwhile hides nothing else.
common::Result<Listing> list_all(client::Session& session,
                                 const std::string& path,
                                 const std::string& query,
                                 const std::string& field);

} // namespace cli
