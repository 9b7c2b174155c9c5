#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

#include <algorithm>

namespace coordinator::http::rest {

namespace {

struct Named {
    common::SandboxId sandbox;
    std::string name;
};

/// The snapshot that the path names. Text that is no name names none: `not_found`.
common::Result<Named> snapshot_of(const Request& request)
{
    COMMON_TRY(auto id, sandbox_of(request));
    const auto& name = request.path.at(1);
    if (!common::is_name(name)) {
        return common::Error{common::ErrorCode::not_found,
                             "sandbox " + id.str() + " has no snapshot named \"" + shown(name) +
                                 "\"",
                             "unknown_snapshot"};
    }
    return Named{std::move(id), name};
}

/// All failed: one error stands for them, and tells of each. If the outcome of one is not known,
/// that is the outcome.
common::Error none_made(const Fork& fork)
{
    const auto unknown = std::ranges::find_if(fork.children, [](const Fork::Child& child) {
        return child.result.error().code == common::ErrorCode::timeout;
    });
    auto error = (unknown == fork.children.end() ? fork.children.front() : *unknown).result.error();
    std::string details;
    for (const auto& child : fork.children) {
        details +=
            (details.empty() ? "" : "\n") + child.id.str() + ": " + child.result.error().message;
    }
    error.details = std::move(details);
    return error;
}

} // namespace

common::Result<Reply> list_replicas(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "list the copies of a sandbox"));
    COMMON_TRY(const auto replicas, context.service.replicas(request.caller, id));
    return Reply{.body = replicas_body(id, replicas)};
}

common::Result<Reply> take_snapshot(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "take a snapshot"));
    COMMON_TRY(auto wanted, parse_snapshot(request.body));
    COMMON_TRY(const auto taken,
               context.service.take_snapshot(request.caller, id, std::move(wanted)));
    Reply reply;
    reply.status = 201;
    reply.body = snapshot_body(taken);
    reply.headers.emplace_back("Location",
                               "/v1/sandboxes/" + id.str() + "/snapshots/" + taken.name);
    return reply;
}

common::Result<Reply> list_snapshots(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto page, parse_page(request.query, "list a sandbox's snapshots"));
    COMMON_TRY(const auto all, context.service.snapshots(request.caller, id, page));
    return Reply{.body = snapshots_body(all)};
}

common::Result<Reply> get_snapshot(const Context& context, const Request& request)
{
    COMMON_TRY(const auto one, snapshot_of(request));
    COMMON_CHECK(parse_no_query(request.query, "get a snapshot"));
    COMMON_TRY(const auto found, context.service.snapshot(request.caller, one.sandbox, one.name));
    return Reply{.body = snapshot_body(found)};
}

common::Result<Reply> delete_snapshot(const Context& context, const Request& request)
{
    COMMON_TRY(const auto one, snapshot_of(request));
    COMMON_CHECK(parse_no_query(request.query, "delete a snapshot"));
    COMMON_CHECK(parse_nothing(request.body, "delete a snapshot"));
    COMMON_TRY(const auto gone,
               context.service.delete_snapshot(request.caller, one.sandbox, one.name));
    return Reply{.body = snapshot_body(gone)};
}

common::Result<Reply> restore_snapshot(const Context& context, const Request& request)
{
    COMMON_TRY(const auto one, snapshot_of(request));
    COMMON_CHECK(parse_no_query(request.query, "restore a snapshot"));
    COMMON_CHECK(parse_nothing(request.body, "restore a snapshot"));
    COMMON_TRY(const auto sandbox,
               context.service.restore_snapshot(request.caller, one.sandbox, one.name));
    return Reply{.body = sandbox_body(sandbox, nullptr)};
}

common::Result<Reply> verify_snapshot(const Context& context, const Request& request)
{
    COMMON_TRY(const auto one, snapshot_of(request));
    COMMON_CHECK(parse_no_query(request.query, "verify a snapshot"));
    COMMON_CHECK(parse_nothing(request.body, "verify a snapshot"));
    COMMON_TRY(const auto sound,
               context.service.verify_snapshot(request.caller, one.sandbox, one.name));
    return Reply{.body = verified_body(sound)};
}

common::Result<Reply> fork_sandbox(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "fork a sandbox"));
    COMMON_TRY(auto wanted, parse_fork(request.body));
    COMMON_TRY(const auto fork, context.service.fork(request.caller, id, std::move(wanted)));
    for (const auto& child : fork.children) {
        if (child.result) {
            return Reply{.status = 201, .body = fork_body(fork)};
        }
    }
    return none_made(fork);
}

} // namespace coordinator::http::rest
