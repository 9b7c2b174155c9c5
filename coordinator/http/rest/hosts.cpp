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

namespace {

common::Result<common::HostName> host_of(const Request& request)
{
    const auto& name = request.path.at(0);
    if (!common::is_name(name)) {
        return common::Error{common::ErrorCode::not_found, "no host \"" + shown(name) + "\""};
    }
    return common::HostName{name};
}

common::Result<Reply> change(const Context& context,
                             const Request& request,
                             const common::HostName& name,
                             HostChange wanted)
{
    COMMON_CHECK(context.service.change_host(request.caller, name, std::move(wanted)));
    COMMON_TRY(const auto host, context.service.host(request.caller, name));
    return Reply{.body = host_body(host)};
}

common::Result<Reply> set_cordoned(const Context& context, const Request& request, bool cordoned)
{
    const std::string attempt = cordoned ? "cordon a host" : "uncordon a host";
    COMMON_TRY(const auto name, host_of(request));
    COMMON_CHECK(parse_no_query(request.query, attempt));
    COMMON_CHECK(parse_nothing(request.body, attempt));
    return change(context, request, name, {.cordoned = cordoned});
}

} // namespace

common::Result<Reply> get_host(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "get a host"));
    COMMON_TRY(const auto name, host_of(request));
    COMMON_TRY(const auto host, context.service.host(request.caller, name));
    return Reply{.body = host_body(host)};
}

common::Result<Reply> change_host(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, host_of(request));
    COMMON_CHECK(parse_no_query(request.query, "change a host"));
    COMMON_TRY(auto wanted, parse_host_change(request.body));
    return change(context, request, name, std::move(wanted));
}

common::Result<Reply> cordon_host(const Context& context, const Request& request)
{
    return set_cordoned(context, request, true);
}

common::Result<Reply> uncordon_host(const Context& context, const Request& request)
{
    return set_cordoned(context, request, false);
}

common::Result<Reply> drain_host(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, host_of(request));
    COMMON_CHECK(parse_no_query(request.query, "drain a host"));
    COMMON_TRY(const auto seconds, parse_drain(request.body));
    COMMON_TRY(auto reply, change(context, request, name, {.drain = seconds}));
    reply.status = 202;
    return reply;
}

common::Result<Reply> evacuate_host(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, host_of(request));
    COMMON_CHECK(parse_no_query(request.query, "evacuate a host"));
    COMMON_TRY(const auto wanted, parse_evacuation(request.body));
    COMMON_TRY(auto reply, change(context, request, name, {.evacuation = wanted}));
    reply.status = 202;
    return reply;
}

common::Result<Reply> explain_placement(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "explain a placement"));
    COMMON_TRY(auto wanted, wanted_create(context, request, "explain a placement"));
    COMMON_TRY(const auto placement, context.service.explain(request.caller, std::move(wanted)));
    return Reply{.body = placement_body(placement)};
}

} // namespace coordinator::http::rest
