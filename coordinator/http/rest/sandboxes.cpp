#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

common::Result<common::SandboxId> sandbox_of(const Request& request)
{
    auto id = common::parse_id<common::SandboxId>(request.path.at(0));
    if (!id) {
        return common::Error{common::ErrorCode::not_found,
                             "no sandbox \"" + shown(request.path.at(0)) + "\""};
    }
    return id;
}

common::Result<Reply> create_sandbox(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "create a sandbox"));
    COMMON_TRY(auto wanted, wanted_create(context, request, "create a sandbox"));
    COMMON_TRY(const auto sandbox, context.service.create(request.caller, std::move(wanted)));
    Reply reply;
    reply.status = 201;
    reply.body = created_body(sandbox);
    reply.headers.emplace_back("Location", "/v1/sandboxes/" + sandbox.id.str());
    return reply;
}

common::Result<Reply> list_sandboxes(const Context& context, const Request& request)
{
    COMMON_TRY(const auto filter, parse_list(request.query));
    COMMON_TRY(const auto page, context.service.list(request.caller, filter));
    return Reply{.body = sandboxes_body(page)};
}

common::Result<Reply> get_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto wanted, parse_get(request.query));
    COMMON_TRY(const auto sandbox, context.service.get(request.caller, id));
    if (!wanted.include_commands) {
        return Reply{.body = sandbox_body(sandbox, nullptr)};
    }
    COMMON_TRY(const auto page, context.service.commands(request.caller, id, Page{}));
    return Reply{.body = sandbox_body(sandbox, &page)};
}

common::Result<Reply> start_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "start a sandbox"));
    COMMON_TRY(const auto wanted, parse_start(request.body));
    COMMON_TRY(const auto sandbox, context.service.start(request.caller, id, wanted.wait_for_ip));
    return Reply{.body = created_body(sandbox)};
}

common::Result<Reply> stop_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "stop a sandbox"));
    COMMON_TRY(auto wanted, parse_stop(request.body));
    COMMON_TRY(const auto sandbox, context.service.stop(request.caller, id, wanted));
    return Reply{.body = sandbox_body(sandbox, nullptr)};
}

common::Result<Reply> pause_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "pause a sandbox"));
    COMMON_CHECK(parse_nothing(request.body, "pause a sandbox"));
    COMMON_TRY(const auto sandbox, context.service.pause(request.caller, id));
    return Reply{.body = sandbox_body(sandbox, nullptr)};
}

common::Result<Reply> resume_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "resume a sandbox"));
    COMMON_CHECK(parse_nothing(request.body, "resume a sandbox"));
    COMMON_TRY(const auto sandbox, context.service.resume(request.caller, id));
    return Reply{.body = sandbox_body(sandbox, nullptr)};
}

common::Result<Reply> suspend_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "suspend a sandbox"));
    COMMON_CHECK(parse_nothing(request.body, "suspend a sandbox"));
    COMMON_TRY(const auto sandbox, context.service.suspend(request.caller, id));
    return Reply{.body = sandbox_body(sandbox, nullptr)};
}

common::Result<Reply> restart_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "restart a sandbox"));
    COMMON_TRY(auto wanted, parse_restart(request.body));
    COMMON_TRY(const auto sandbox, context.service.restart(request.caller, id, wanted));
    return Reply{.body = sandbox_body(sandbox, nullptr)};
}

common::Result<Reply> extend_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "extend a sandbox"));
    COMMON_TRY(const auto ttl, parse_extend(request.body));
    COMMON_TRY(const auto sandbox, context.service.extend(request.caller, id, ttl));
    return Reply{.body = sandbox_body(sandbox, nullptr)};
}

common::Result<Reply> destroy_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "destroy a sandbox"));
    COMMON_CHECK(parse_nothing(request.body, "destroy a sandbox"));
    COMMON_TRY(const auto sandbox, context.service.destroy(request.caller, id));
    return Reply{.body = destroyed_body(sandbox)};
}

common::Result<Reply> sandbox_ip(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "find a sandbox's address"));
    COMMON_TRY(const auto ip, context.service.ip(request.caller, id));
    return Reply{.body = ip_body(ip)};
}

} // namespace coordinator::http::rest
