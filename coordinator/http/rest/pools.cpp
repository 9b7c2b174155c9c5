#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

namespace {

/// The pool that the path names. Text that is no name names none: `not_found`.
common::Result<std::string> pool_of(const Request& request)
{
    const auto& name = request.path.at(0);
    if (!common::is_name(name)) {
        return common::Error{
            common::ErrorCode::not_found, "no pool \"" + shown(name) + "\"", "unknown_pool"};
    }
    return name;
}

} // namespace

common::Result<Reply> list_pools(const Context& context, const Request& request)
{
    COMMON_TRY(const auto page, parse_page(request.query, "list pools"));
    COMMON_TRY(const auto pools, context.service.pools(request.caller));
    return Reply{.body = pools_body(pools, page)};
}

common::Result<Reply> create_pool(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "make a pool"));
    COMMON_TRY(auto wanted, parse_pool(request.body));
    COMMON_TRY(const auto made, context.service.create_pool(request.caller, std::move(wanted)));
    Reply reply;
    reply.status = 201;
    reply.body = pool_body(made);
    reply.headers.emplace_back("Location", "/v1/pools/" + made.pool.name);
    return reply;
}

common::Result<Reply> get_pool(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, pool_of(request));
    COMMON_CHECK(parse_no_query(request.query, "get a pool"));
    COMMON_TRY(const auto found, context.service.pool(request.caller, name));
    return Reply{.body = pool_body(found)};
}

common::Result<Reply> change_pool(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, pool_of(request));
    COMMON_CHECK(parse_no_query(request.query, "change a pool"));
    COMMON_TRY(const auto change, parse_pool_change(request.body));
    COMMON_TRY(const auto changed, context.service.change_pool(request.caller, name, change));
    return Reply{.body = pool_body(changed)};
}

common::Result<Reply> delete_pool(const Context& context, const Request& request)
{
    COMMON_TRY(const auto name, pool_of(request));
    COMMON_CHECK(parse_no_query(request.query, "delete a pool"));
    COMMON_CHECK(parse_nothing(request.body, "delete a pool"));
    COMMON_TRY(const auto gone, context.service.delete_pool(request.caller, name));
    return Reply{.body = pool_body(gone)};
}

} // namespace coordinator::http::rest
