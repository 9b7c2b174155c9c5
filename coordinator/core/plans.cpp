#include "coordinator/core/plans.hpp"

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::PlanId;
using common::Result;

Result<PlanPage> Plans::list(const Caller& caller, Page page)
{
    return store_.plans_of(caller.tenant, page);
}

Result<Plan> Plans::get(const Caller& caller, const PlanId& id)
{
    return find(caller, id);
}

Result<Plan> Plans::find(const Caller& caller, const PlanId& id)
{
    COMMON_TRY(auto found, store_.plan(caller.tenant, id));
    if (!found) {
        return Error{ErrorCode::not_found,
                     "no plan " + id.str() + "; GET /v1/plan/ lists them",
                     "unknown_plan"};
    }
    return *std::move(found);
}

Result<Plan> Plans::create(const Caller& caller, const PlanRequest& request)
{
    const Attempt attempt{"plan.create", "make a plan"};
    return changes_.make<Plan>(caller, attempt, [&]() -> Result<Plan> {
        COMMON_TRY(const auto all, store_.plans_of(caller.tenant, {.limit = 0}));
        COMMON_CHECK(changes_.check_room(attempt, all.total, limits_.plans));
        Plan plan;
        plan.id = common::mint<PlanId>();
        plan.tenant = caller.tenant;
        plan.name = request.name;
        plan.description = request.description;
        plan.created_by = plan.updated_by = caller.actor;
        plan.created_at = plan.updated_at = clock_.wall();
        for (const auto& description : request.steps) {
            plan.steps.emplace_back().description = description;
        }
        COMMON_CHECK(fits(attempt, plan));
        COMMON_CHECK(write(caller, attempt, plan, plan, {}));
        return plan;
    });
}

Result<Plan>
Plans::advance(const Caller& caller, const PlanId& id, const std::optional<std::string>& result)
{
    const Attempt attempt{"plan.advance", "advance plan " + id.str()};
    const auto edit = [&](Plan& plan) -> Result<std::optional<Detail>> {
        COMMON_CHECK(advance_plan(plan, result, plan.updated_at));
        COMMON_CHECK(fits(attempt, plan));
        return std::optional{Detail{}};
    };
    COMMON_TRY(auto changed, change(caller, id, attempt, edit));
    return std::move(changed.plan);
}

Result<ChangedPlan>
Plans::change_step(const Caller& caller, const PlanId& id, const StepChange& wanted)
{
    const Attempt attempt{"plan.update", "change a step of plan " + id.str()};
    const auto edit = [&](Plan& plan) -> Result<std::optional<Detail>> {
        COMMON_TRY(const bool changed, coordinator::change_step(plan, wanted, plan.updated_at));
        if (!changed) {
            return std::optional<Detail>{};
        }
        COMMON_CHECK(fits(attempt, plan));
        return std::optional{
            Detail{{"step", std::to_string(wanted.index)},
                   {"step_status", std::string{to_string(plan.steps[wanted.index].status)}}}};
    };
    return change(caller, id, attempt, edit);
}

/// Of any size: what it adds is bounded, and it must not be refused.
Result<Plan> Plans::abort(const Caller& caller, const PlanId& id, const std::string& reason)
{
    const auto edit = [&](Plan& plan) -> Result<std::optional<Detail>> {
        COMMON_CHECK(abort_plan(plan, reason, plan.updated_at));
        return std::optional{Detail{{"reason", reason}}};
    };
    COMMON_TRY(auto changed, change(caller, id, {"plan.abort", "abort plan " + id.str()}, edit));
    return std::move(changed.plan);
}

Result<> Plans::remove(const Caller& caller, const PlanId& id)
{
    const Attempt attempt{"plan.delete", "delete plan " + id.str()};
    return changes_.make<void>(caller, attempt, [&]() -> Result<> {
        COMMON_TRY(const auto plan, find(caller, id));
        return write(caller, attempt, plan, PlanRemoval{plan.id, plan.revision}, {});
    });
}

Result<ChangedPlan>
Plans::change(const Caller& caller, const PlanId& id, const Attempt& attempt, const Edit& edit)
{
    return changes_.make<ChangedPlan>(caller, attempt, [&]() -> Result<ChangedPlan> {
        COMMON_TRY(auto plan, find(caller, id));
        auto before = plan;
        plan.updated_at = clock_.wall();
        plan.updated_by = caller.actor;
        ++plan.revision;
        COMMON_TRY(const auto detail, edit(plan));
        if (!detail) {
            return ChangedPlan{std::move(before), false};
        }
        COMMON_CHECK(write(caller, attempt, plan, plan, *detail));
        return ChangedPlan{std::move(plan), true};
    });
}

Result<> Plans::fits(const Attempt& attempt, const Plan& plan) const
{
    auto size = plan.name.size() + plan.description.size();
    for (const auto& step : plan.steps) {
        size += step.description.size() + step.result.size() + step.error.size();
    }
    return RecordChanges::check_size(attempt, common::Bytes{size}, limits_.size, "plan_too_large");
}

/// The audit tells what the plan is then, and never results and errors of steps.
Result<> Plans::write(
    const Caller& caller, const Attempt& attempt, const Plan& plan, Change row, const Detail& more)
{
    Detail detail{{"name", plan.name},
                  {"status", std::string{to_string(plan.status)}},
                  {"current_step", std::to_string(plan.current_step)},
                  {"steps", std::to_string(plan.steps.size())}};
    detail.insert(detail.end(), more.begin(), more.end());
    return changes_.write(caller, attempt, plan.id.str(), std::move(row), detail);
}

} // namespace coordinator
