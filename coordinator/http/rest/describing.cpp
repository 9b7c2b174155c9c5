#include "coordinator/http/description.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

common::Result<Reply> openapi(const Context&, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "get the API's description"));
    return Reply{.body = std::string{description::openapi}};
}

common::Result<Reply> docs(const Context&, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "get the API's documentation"));
    Reply reply;
    reply.body = description::page;
    reply.content_type = "text/html; charset=utf-8";
    reply.headers = {
        {"Content-Security-Policy",
         "default-src 'none'; style-src '" + std::string{description::page_style} +
             "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
    };
    return reply;
}

} // namespace coordinator::http::rest
