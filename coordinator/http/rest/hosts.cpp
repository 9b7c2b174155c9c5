#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

common::Result<Reply> list_hosts(const Context& context, const Request& request)
{
    COMMON_TRY(const auto page, parse_page(request.query, "list hosts"));
    COMMON_TRY(const auto hosts, context.service.hosts(request.caller));
    return Reply{.body = hosts_body(hosts, page)};
}

common::Result<Reply> get_host(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "get a host"));
    const auto& name = request.path.at(0);
    if (!common::is_name(name)) {
        return common::Error{common::ErrorCode::not_found, "no host \"" + shown(name) + "\""};
    }
    COMMON_TRY(const auto host, context.service.host(request.caller, common::HostName{name}));
    return Reply{.body = host_body(host)};
}

} // namespace coordinator::http::rest
