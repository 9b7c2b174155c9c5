#pragma once

#include "common/bytes.hpp"
#include "coordinator/core/record_changes.hpp"

#include <functional>

namespace coordinator {

struct PlanLimits {
    std::uint64_t plans = 1000;                    ///< Of one tenant.
    common::Bytes size = common::Bytes::kib(512);  ///< Of all the texts of a plan.
    std::chrono::milliseconds patience{10'000};    ///< Until others have made their changes.
    std::chrono::milliseconds write_limit{30'000}; ///< A guard: the store is less patient.
};

struct PlanRequest {
    std::string name;
    std::string description;
    std::vector<std::string> steps; ///< At least one.
};

/// A plan as it is, and whether the call changed it.
struct ChangedPlan {
    Plan plan;
    bool changed = false;
};

/// Tenants' plans: what the HTTP layer asks of them. They are in the database alone, and changed as
/// RecordChanges does it. Who may ask may change any of the tenant's, whoever made it: an operator
/// aborts what an agent is about to do.
///
/// Any thread; calls block, within bounds. `not_found`: unknown_plan. `failed_precondition` of what
/// changes one: as in plan.hpp, or plan_too_large. `timeout` (outcome_unknown): nobody knows
/// whether it was written.
class Plans {
public:
    Plans(Store& store, const common::Clock& clock, PlanLimits limits)
        : store_{store},
          clock_{clock},
          limits_{limits},
          changes_{store, "plans", {limits.patience, limits.write_limit}}
    {}

    /// With their steps.
    common::Result<PlanPage> list(const Caller& caller, Page page);
    common::Result<Plan> get(const Caller& caller, const common::PlanId& id);
    /// `failed_precondition`: too_many_plans, plan_too_large.
    common::Result<Plan> create(const Caller& caller, const PlanRequest& request);
    common::Result<Plan> advance(const Caller& caller,
                                 const common::PlanId& id,
                                 const std::optional<std::string>& result);
    common::Result<ChangedPlan>
    change_step(const Caller& caller, const common::PlanId& id, const StepChange& change);
    common::Result<Plan>
    abort(const Caller& caller, const common::PlanId& id, const std::string& reason);
    /// Also one that has not ended.
    common::Result<> remove(const Caller& caller, const common::PlanId& id);

private:
    using Attempt = RecordChanges::Attempt;
    using Detail = RecordChanges::Detail;
    /// Changes what was read and says what of it the audit tells; nothing: there is nothing to
    /// change.
    using Edit = std::function<common::Result<std::optional<Detail>>(Plan&)>;

    common::Result<Plan> find(const Caller& caller, const common::PlanId& id);
    common::Result<ChangedPlan> change(const Caller& caller,
                                       const common::PlanId& id,
                                       const Attempt& attempt,
                                       const Edit& edit);
    common::Result<> write(const Caller& caller,
                           const Attempt& attempt,
                           const Plan& plan,
                           Change row,
                           const Detail& more);
    /// Whether its size is within the limit.
    [[nodiscard]] common::Result<> fits(const Attempt& attempt, const Plan& plan) const;

    Store& store_;
    const common::Clock& clock_;
    const PlanLimits limits_;
    RecordChanges changes_;
};

} // namespace coordinator
