#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

common::Result<Reply> list_vms(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "list virtual machines"));
    COMMON_TRY(const auto listing, context.service.vms(request.caller));
    return Reply{.body = vms_body(listing)};
}

} // namespace coordinator::http::rest
