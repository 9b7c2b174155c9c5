#include "coordinator/core/plan.hpp"

#include <algorithm>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::WallTime;

namespace {

using Step = PlanStep::Status;

Error refusal(const Plan& plan, const std::string& what, std::string reason)
{
    return {
        ErrorCode::failed_precondition, "plan " + plan.id.str() + ": " + what, std::move(reason)};
}

Result<> check_open(const Plan& plan)
{
    switch (plan.status) {
    case Plan::Status::pending:
    case Plan::Status::in_progress: return {};
    case Plan::Status::completed:
    case Plan::Status::failed:
    case Plan::Status::aborted: break;
    }
    return refusal(plan,
                   "it has ended as " + std::string{to_string(plan.status)} +
                       "; what is left to do needs a new plan",
                   "plan_ended");
}

bool has_ended(const PlanStep& step)
{
    return step.status != Step::pending && step.status != Step::active;
}

std::string words_of(const Plan& plan, std::uint64_t index)
{
    return "step " + std::to_string(index) + " is " +
           std::string{to_string(plan.steps[index].status)};
}

PlanStep* active_of(Plan& plan)
{
    const auto active = std::ranges::find(plan.steps, Step::active, &PlanStep::status);
    return active == plan.steps.end() ? nullptr : &*active;
}

void begin(Plan& plan, PlanStep& step, WallTime now)
{
    step.status = Step::active;
    step.started_at = now;
    plan.current_step = &step - plan.steps.data();
    plan.status = Plan::Status::in_progress;
}

void end(PlanStep& step, Step how, WallTime now)
{
    step.status = how;
    step.completed_at = now;
}

void end(Plan& plan, Plan::Status how, WallTime now)
{
    plan.status = how;
    plan.completed_at = now;
    for (auto& step : plan.steps) {
        if (!has_ended(step)) {
            end(step, Step::skipped, now);
        }
    }
}

/// The plan has ended if a step of it failed, or none is left.
void end_if_done(Plan& plan, WallTime now)
{
    if (std::ranges::count(plan.steps, Step::failed, &PlanStep::status) > 0) {
        end(plan, Plan::Status::failed, now);
    } else if (std::ranges::all_of(plan.steps, has_ended)) {
        end(plan, Plan::Status::completed, now);
    }
}

/// Whether this step may become that.
Result<> check_step(const Plan& plan, const StepChange& change)
{
    const auto& step = plan.steps[change.index];
    const auto to = change.status.value_or(step.status);
    if (has_ended(step)) {
        return refusal(plan, words_of(plan, change.index) + ", and stays so", "step_ended");
    }
    if (step.status == Step::active) {
        return to == Step::pending
                   ? refusal(plan, words_of(plan, change.index) + " already", "step_active")
                   : Result<>{};
    }
    if (to == Step::active) {
        for (std::uint64_t before = 0; before < change.index; ++before) {
            if (!has_ended(plan.steps[before])) {
                return refusal(plan,
                               "step " + std::to_string(change.index) + " comes after " +
                                   words_of(plan, before),
                               "step_out_of_order");
            }
        }
        return {};
    }
    return to == Step::skipped
               ? Result<>{}
               : refusal(plan,
                         words_of(plan, change.index) + ": it can be begun (active) or skipped",
                         "step_not_active");
}

bool is_said_already(const PlanStep& step, const StepChange& change)
{
    return change.status.value_or(step.status) == step.status &&
           change.result.value_or(step.result) == step.result &&
           change.error.value_or(step.error) == step.error;
}

} // namespace

std::string_view to_string(PlanStep::Status status) noexcept
{
    switch (status) {
    case Step::pending: return "pending";
    case Step::active: return "active";
    case Step::completed: return "completed";
    case Step::failed: return "failed";
    case Step::skipped: return "skipped";
    }
    return "pending";
}

std::optional<PlanStep::Status> step_status_from(std::string_view text) noexcept
{
    for (const auto status :
         {Step::pending, Step::active, Step::completed, Step::failed, Step::skipped}) {
        if (text == to_string(status)) {
            return status;
        }
    }
    return std::nullopt;
}

std::string_view to_string(Plan::Status status) noexcept
{
    switch (status) {
    case Plan::Status::pending: return "pending";
    case Plan::Status::in_progress: return "in_progress";
    case Plan::Status::completed: return "completed";
    case Plan::Status::failed: return "failed";
    case Plan::Status::aborted: return "aborted";
    }
    return "pending";
}

std::optional<Plan::Status> plan_status_from(std::string_view text) noexcept
{
    for (const auto status : {Plan::Status::pending,
                              Plan::Status::in_progress,
                              Plan::Status::completed,
                              Plan::Status::failed,
                              Plan::Status::aborted}) {
        if (text == to_string(status)) {
            return status;
        }
    }
    return std::nullopt;
}

Result<> advance_plan(Plan& plan, const std::optional<std::string>& result, WallTime now)
{
    COMMON_CHECK(check_open(plan));
    auto* const active = active_of(plan);
    if (active == nullptr && result) {
        return refusal(plan, "no step is active that a result could be of", "step_not_active");
    }
    if (active != nullptr) {
        active->result = result.value_or(active->result);
        end(*active, Step::completed, now);
    }
    const auto next = std::ranges::find(plan.steps, Step::pending, &PlanStep::status);
    if (next != plan.steps.end()) {
        begin(plan, *next, now);
    }
    end_if_done(plan, now);
    return {};
}

Result<bool> change_step(Plan& plan, const StepChange& change, WallTime now)
{
    if (change.index >= plan.steps.size()) {
        return Error{ErrorCode::not_found,
                     "plan " + plan.id.str() + " has " + std::to_string(plan.steps.size()) +
                         " steps, and no step " + std::to_string(change.index),
                     "unknown_step"};
    }
    auto& step = plan.steps[change.index];
    if (is_said_already(step, change)) {
        return false;
    }
    COMMON_CHECK(check_open(plan));
    COMMON_CHECK(check_step(plan, change));
    step.result = change.result.value_or(step.result);
    step.error = change.error.value_or(step.error);
    const auto to = change.status.value_or(step.status);
    if (to == Step::active && step.status == Step::pending) {
        begin(plan, step, now);
    } else if (to != step.status) {
        end(step, to, now);
    }
    end_if_done(plan, now);
    return true;
}

Result<> abort_plan(Plan& plan, const std::string& reason, WallTime now)
{
    COMMON_CHECK(check_open(plan));
    plan.abort_reason = reason;
    if (auto* const active = active_of(plan)) {
        active->error = active->error.empty() ? "the plan was aborted" : active->error;
        end(*active, Step::failed, now);
    }
    end(plan, Plan::Status::aborted, now);
    return {};
}

} // namespace coordinator
