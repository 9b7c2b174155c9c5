#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

namespace {

/// The plan that the path names. Text that is no id names none: `not_found`.
common::Result<common::PlanId> plan_of(const Request& request)
{
    const auto& text = request.path.at(0);
    auto id = common::parse_id<common::PlanId>(text);
    if (!id) {
        return common::Error{
            common::ErrorCode::not_found, "no plan \"" + shown(text) + "\"", "unknown_plan"};
    }
    return id;
}

} // namespace

common::Result<Reply> list_plans(const Context& context, const Request& request)
{
    COMMON_TRY(const auto page, parse_page(request.query, "list plans"));
    COMMON_TRY(const auto all, context.records.plans.list(request.caller, page));
    return Reply{.body = plans_body(all)};
}

common::Result<Reply> create_plan(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "make a plan"));
    COMMON_TRY(const auto wanted, parse_plan(request.body));
    COMMON_TRY(const auto plan, context.records.plans.create(request.caller, wanted));
    return Reply{.body = plan_made_body(plan)};
}

common::Result<Reply> get_plan(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, plan_of(request));
    COMMON_CHECK(parse_no_query(request.query, "get a plan"));
    COMMON_TRY(const auto plan, context.records.plans.get(request.caller, id));
    return Reply{.body = plan_body(plan)};
}

common::Result<Reply> delete_plan(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, plan_of(request));
    COMMON_CHECK(parse_no_query(request.query, "delete a plan"));
    COMMON_CHECK(parse_nothing(request.body, "delete a plan"));
    COMMON_CHECK(context.records.plans.remove(request.caller, id));
    return Reply{.body = plan_deleted_body(id)};
}

common::Result<Reply> update_plan(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "change a step of a plan"));
    COMMON_TRY(const auto wanted, parse_step_update(request.body));
    COMMON_TRY(const auto updated,
               context.records.plans.change_step(request.caller, wanted.plan, wanted.change));
    return Reply{.body = plan_changed_body("updated", updated)};
}

common::Result<Reply> advance_plan(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, plan_of(request));
    COMMON_CHECK(parse_no_query(request.query, "advance a plan"));
    COMMON_TRY(const auto result, parse_advance(request.body));
    COMMON_TRY(auto plan, context.records.plans.advance(request.caller, id, result));
    return Reply{.body = plan_changed_body("advanced", {std::move(plan), true})};
}

common::Result<Reply> abort_plan(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, plan_of(request));
    COMMON_CHECK(parse_no_query(request.query, "abort a plan"));
    COMMON_TRY(const auto reason, parse_abort(request.body));
    COMMON_TRY(auto plan, context.records.plans.abort(request.caller, id, reason));
    return Reply{.body = plan_changed_body("aborted", {std::move(plan), true})};
}

} // namespace coordinator::http::rest
