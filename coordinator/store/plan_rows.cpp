// Plans, and with each the rows of its steps.
#include "coordinator/store/fields.hpp"
#include "coordinator/store/paged.hpp"
#include "coordinator/store/row_writing.hpp"

namespace coordinator::store {

namespace {

/// "" stands for no time: an array has no NULL here.
std::string time_text(const std::optional<common::WallTime>& time)
{
    return time ? common::to_rfc3339(*time) : "";
}

void write_steps(pqxx::transaction_base& sql, const Plan& plan)
{
    ArrayText descriptions;
    ArrayText statuses;
    ArrayText starts;
    ArrayText ends;
    ArrayText results;
    ArrayText errors;
    for (const auto& step : plan.steps) {
        descriptions.add(step.description);
        statuses.add_raw(to_string(step.status));
        starts.add_raw(time_text(step.started_at));
        ends.add_raw(time_text(step.completed_at));
        results.add(step.result);
        errors.add(step.error);
    }
    sql.exec_prepared("plan_steps",
                      to_column(plan.id.str()),
                      std::move(descriptions).finish(),
                      std::move(statuses).finish(),
                      std::move(starts).finish(),
                      std::move(ends).finish(),
                      std::move(results).finish(),
                      std::move(errors).finish());
}

/// Of all steps of the row's plan, in their order.
std::string all_of_steps(const std::string& column)
{
    return ", ARRAY(SELECT " + column +
           " FROM plan_steps WHERE plan_id = plans.id ORDER BY position)";
}
std::string time_or_nothing(const std::string& column)
{
    return "coalesce((" + us_of(column) + ")::text, '')";
}
std::optional<common::WallTime> time_from(const std::string& us)
{
    return us.empty() ? std::nullopt : std::optional{common::from_unix_us(std::stoll(us))};
}
PlanStep::Status known_status(const std::string& text)
{
    const auto status = step_status_from(text);
    if (!status) {
        throw std::runtime_error{"the status of a plan's step is none that this version knows"};
    }
    return *status;
}

// The members are filled in the order of the SELECT.
const std::string plan_columns =
    "id, tenant, name, description, status, current_step, abort_reason, created_by, updated_by, " +
    us_of("created_at") + ", " + us_of("updated_at") + ", " + us_of("completed_at") + ", revision" +
    all_of_steps("description") + all_of_steps("status") +
    all_of_steps(time_or_nothing("started_at")) + all_of_steps(time_or_nothing("completed_at")) +
    all_of_steps("result") + all_of_steps("error");

Plan plan_from(Fields& in)
{
    Plan plan;
    plan.id = common::PlanId{in.text()};
    plan.tenant = in.text();
    plan.name = in.text();
    plan.description = in.text();
    plan.status = in.word(plan_status_from);
    plan.current_step = in.number<std::int64_t>();
    plan.abort_reason = in.text();
    plan.created_by = in.text();
    plan.updated_by = in.text();
    plan.created_at = in.time();
    plan.updated_at = in.time();
    plan.completed_at = in.maybe_time();
    plan.revision = in.number<std::uint64_t>();
    const auto descriptions = in.list();
    const auto statuses = in.list();
    const auto starts = in.list();
    const auto ends = in.list();
    const auto results = in.list();
    const auto errors = in.list();
    for (std::size_t i = 0; i < descriptions.size(); ++i) {
        plan.steps.push_back({descriptions[i],
                              known_status(statuses.at(i)),
                              time_from(starts.at(i)),
                              time_from(ends.at(i)),
                              results.at(i),
                              errors.at(i)});
    }
    return plan;
}

} // namespace

void prepare_writing_plans(pqxx::connection& connection)
{
    connection.prepare("new_plan",
                       "INSERT INTO plans (id, tenant, name, description, status, current_step, "
                       "abort_reason, created_by, updated_by, created_at, updated_at, "
                       "completed_at, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                       "$11, $12, 1) ON CONFLICT DO NOTHING");
    connection.prepare("changed_plan",
                       "UPDATE plans SET status = $2, current_step = $3, abort_reason = $4, "
                       "updated_by = $5, updated_at = $6, completed_at = $7, revision = $8 "
                       "WHERE id = $1 AND revision = $8::bigint - 1");
    connection.prepare("removed_plan", "DELETE FROM plans WHERE id = $1 AND revision = $2");
    // What a step says stays; only steps that have changed are written.
    connection.prepare(
        "plan_steps",
        "INSERT INTO plan_steps (plan_id, position, description, status, started_at, "
        "completed_at, result, error) SELECT $1::text, place - 1, description, status, "
        "nullif(started_at, '')::timestamptz, nullif(completed_at, '')::timestamptz, result, error "
        "FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH "
        "ORDINALITY AS given (description, status, started_at, completed_at, result, error, place) "
        "ON CONFLICT (plan_id, position) DO UPDATE SET status = EXCLUDED.status, started_at = "
        "EXCLUDED.started_at, completed_at = EXCLUDED.completed_at, result = EXCLUDED.result, "
        "error = EXCLUDED.error WHERE (plan_steps.status, plan_steps.started_at, "
        "plan_steps.completed_at, plan_steps.result, plan_steps.error) IS DISTINCT FROM "
        "(EXCLUDED.status, EXCLUDED.started_at, EXCLUDED.completed_at, EXCLUDED.result, "
        "EXCLUDED.error)");
}

void write_row(pqxx::transaction_base& sql, const Plan& plan)
{
    const auto id = to_column(plan.id.str());
    const std::string status{to_string(plan.status)};
    const auto updated_by = to_column(plan.updated_by);
    const auto updated_at = common::to_rfc3339(plan.updated_at);
    const auto end = time_text(plan.completed_at);
    const auto* const completed_at = plan.completed_at ? end.c_str() : nullptr;
    const auto done = plan.revision == 1 ? sql.exec_prepared("new_plan",
                                                             id,
                                                             to_column(plan.tenant),
                                                             to_column(plan.name),
                                                             to_column(plan.description),
                                                             status,
                                                             plan.current_step,
                                                             to_column(plan.abort_reason),
                                                             to_column(plan.created_by),
                                                             updated_by,
                                                             common::to_rfc3339(plan.created_at),
                                                             updated_at,
                                                             completed_at)
                                         : sql.exec_prepared("changed_plan",
                                                             id,
                                                             status,
                                                             plan.current_step,
                                                             to_column(plan.abort_reason),
                                                             updated_by,
                                                             updated_at,
                                                             completed_at,
                                                             plan.revision);
    check_fresh(done, "plan " + plan.id.str());
    write_steps(sql, plan);
}

void write_row(pqxx::transaction_base& sql, const PlanRemoval& removal)
{
    check_fresh(sql.exec_prepared("removed_plan", to_column(removal.id.str()), removal.revision),
                "plan " + removal.id.str());
}

std::vector<Plan> read_plans(pqxx::transaction_base& sql, const std::string& where)
{
    return read<Plan>(sql, plan_columns, "plans " + where, plan_from);
}

PlanPage read_plan_page(pqxx::transaction_base& sql, const std::string& tenant, Page page)
{
    const Paged plans{"plans",
                      "WHERE tenant = " + sql.quote(to_column(tenant)),
                      "created_at",
                      "octet_length(name) + octet_length(description) + (SELECT "
                      "sum(octet_length(description) + octet_length(result) + octet_length(error)) "
                      "FROM plan_steps WHERE plan_id = plans.id)"};
    PlanPage found;
    found.total = count(sql, plans);
    if (page.limit > 0 && page.offset < found.total) {
        found.plans = read_plans(sql, where_fits(sql, plans, page));
    }
    if (!found.plans.empty()) {
        const auto& last = found.plans.back();
        found.next = next_after(sql, plans, last.created_at, last.id.str());
    }
    return found;
}

} // namespace coordinator::store
