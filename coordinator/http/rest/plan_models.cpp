#include "coordinator/http/rest/json_text.hpp"
#include "coordinator/http/rest/models.hpp"

namespace coordinator::http::rest {

namespace {

Json json_of(const PlanStep& step, std::size_t index)
{
    Json json{
        {"index", index}, {"description", step.description}, {"status", to_string(step.status)}};
    set_if_time(json, "started_at", step.started_at);
    set_if_time(json, "completed_at", step.completed_at);
    set_if(json, "result", step.result);
    set_if(json, "error", step.error);
    return json;
}

Json json_of(const Plan& plan)
{
    Json json{{"id", plan.id.str()},
              {"name", plan.name},
              {"description", plan.description},
              {"status", to_string(plan.status)},
              {"current_step", plan.current_step},
              {"steps", Json::array()},
              {"created_at", common::to_rfc3339(plan.created_at)},
              {"updated_at", common::to_rfc3339(plan.updated_at)},
              {"created_by", plan.created_by},
              {"updated_by", plan.updated_by},
              {"revision", plan.revision}};
    for (const auto& step : plan.steps) {
        json["steps"].push_back(json_of(step, json["steps"].size()));
    }
    set_if_time(json, "completed_at", plan.completed_at);
    set_if(json, "abort_reason", plan.abort_reason);
    return json;
}

} // namespace

std::string plan_body(const Plan& plan)
{
    return text_of(Json{{"plan", json_of(plan)}});
}

std::string plans_body(const PlanPage& page)
{
    Json json{{"plans", Json::array()}, {"total", page.total}};
    for (const auto& plan : page.plans) {
        json["plans"].push_back(json_of(plan));
    }
    set_next(json, page.next);
    return text_of(json);
}

std::string plan_made_body(const Plan& plan)
{
    return text_of(Json{{"plan_id", plan.id.str()}, {"plan", json_of(plan)}});
}

std::string plan_changed_body(const char* what, const ChangedPlan& changed)
{
    return text_of(Json{{"plan_id", changed.plan.id.str()},
                        {what, changed.changed},
                        {"plan", json_of(changed.plan)}});
}

std::string plan_deleted_body(const common::PlanId& plan_id)
{
    return text_of(Json{{"plan_id", plan_id.str()}, {"deleted", true}});
}

} // namespace coordinator::http::rest
