#pragma once

#include <string_view>

// What coordinator/http/description makes of its files while this is built.
namespace coordinator::http::description {

extern const std::string_view openapi;    ///< JSON, OpenAPI 3.1.
extern const std::string_view page;       ///< HTML, without script.
extern const std::string_view page_style; ///< "sha256-…" of the style in it.

} // namespace coordinator::http::description
