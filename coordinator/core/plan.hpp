#pragma once

#include "common/clock.hpp"
#include "common/id.hpp"
#include "common/result.hpp"
#include "coordinator/core/page.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator {

/// One step of a plan. It ends once: what has ended never changes.
struct PlanStep {
    enum class Status { pending, active, completed, failed, skipped };

    std::string description;
    Status status = Status::pending;
    std::optional<common::WallTime> started_at;
    std::optional<common::WallTime> completed_at; ///< When it ended, however that was.
    std::string result;
    std::string error;
};

/// What an agent is about to do, step after step. It lives in the database alone. The functions
/// below are all that changes its state; docs/decisions/0021-plans.md draws it.
struct Plan {
    enum class Status { pending, in_progress, completed, failed, aborted };

    common::PlanId id;
    std::string tenant;
    std::string name; ///< For people: others may have the same.
    std::string description;
    Status status = Status::pending;
    std::int64_t current_step = -1; ///< The one that was begun last; -1: none was.
    std::string abort_reason;
    std::string created_by; ///< As the audit names who acts.
    std::string updated_by;
    common::WallTime created_at;
    common::WallTime updated_at;
    std::optional<common::WallTime> completed_at; ///< When it ended, however that was.
    std::uint64_t revision = 1;                   ///< Grows with each change.
    std::vector<PlanStep> steps;                  ///< At least one; never more, never fewer.
};

/// It goes, with its steps, if this is still its revision.
struct PlanRemoval {
    common::PlanId id;
    std::uint64_t revision = 0;
};

struct PlanPage {
    std::vector<Plan> plans; ///< Newest first; fewer than `limit` if they hold much.
    std::uint64_t total = 0;
    std::optional<Position> next; ///< As of PagePart.
};

/// What is not said stays as it is.
struct StepChange {
    std::uint64_t index = 0;
    std::optional<PlanStep::Status> status;
    std::optional<std::string> result;
    std::optional<std::string> error;
};

std::string_view to_string(PlanStep::Status status) noexcept;
std::optional<PlanStep::Status> step_status_from(std::string_view text) noexcept;
std::string_view to_string(Plan::Status status) noexcept;
std::optional<Plan::Status> plan_status_from(std::string_view text) noexcept;

// Each changes the plan as a whole, or refuses and leaves it as it was. `failed_precondition`:
// plan_ended, or as it says.

/// Completes the active step, if there is one, and begins the next that is pending; after the last
/// one the plan is completed. `result` is the active step's: without one step_not_active.
common::Result<>
advance_plan(Plan& plan, const std::optional<std::string>& result, common::WallTime now);

/// Whether that changed anything: what is so already may be said again, even of what has ended.
/// `not_found` (unknown_step). step_ended; step_not_active: it was never begun, so it can only be
/// begun or skipped; step_out_of_order: one before it has not ended.
common::Result<bool> change_step(Plan& plan, const StepChange& change, common::WallTime now);

/// The active step fails. Like every step that is left when a plan ends, those that were never
/// begun are skipped.
common::Result<> abort_plan(Plan& plan, const std::string& reason, common::WallTime now);

} // namespace coordinator
