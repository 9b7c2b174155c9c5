#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

namespace {

constexpr std::size_t max_steps = 200;

std::string plan_name(std::string_view text)
{
    return text.empty() ? "must not be empty" : rules::label_value(text);
}

std::string plan_description(std::string_view text)
{
    return text.size() <= 16384 ? "" : "must be at most 16384 bytes";
}

std::string step_description(std::string_view text)
{
    return !text.empty() && text.size() <= 4096 ? "" : "must be 1 to 4096 bytes";
}

std::string step_text(std::string_view text)
{
    return text.size() <= 65536 ? "" : "must be at most 65536 bytes";
}

std::string abort_reason(std::string_view text)
{
    return text.size() <= 1024 ? "" : "must be at most 1024 bytes";
}

std::string plan_id(std::string_view text)
{
    return common::parse_id<common::PlanId>(text) ? "" : "must be the id of a plan";
}

std::string step_status(std::string_view text)
{
    return step_status_from(text) ? "" : "must be pending, active, completed, failed or skipped";
}

} // namespace

common::Result<PlanRequest> parse_plan(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    PlanRequest request;
    request.name = fields.text("name", plan_name).value_or("");
    request.description = fields.text("description", plan_description).value_or("");
    request.steps = fields.list("steps", step_description, max_steps)
                        .value_or(std::vector<std::string>{""}); // Which is wrong anyway.
    if (request.steps.empty()) {
        fields.wrong("steps", "must have at least one entry");
    }
    for (const char* field : {"name", "steps"}) {
        if (!fields.has(field)) {
            fields.wrong(field, "is required");
        }
    }
    COMMON_CHECK(fields.finish("make a plan"));
    return request;
}

common::Result<StepUpdate> parse_step_update(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    StepUpdate update;
    update.plan = common::PlanId{fields.text("plan_id", plan_id).value_or("")};
    constexpr Range indices{0, max_steps - 1};
    update.change.index =
        static_cast<std::uint64_t>(fields.integer("step_index", indices).value_or(0));
    if (const auto status = fields.text("status", step_status)) {
        update.change.status = step_status_from(*status);
    }
    update.change.result = fields.text("result", step_text);
    update.change.error = fields.text("error", step_text);
    for (const char* field : {"plan_id", "step_index"}) {
        if (!fields.has(field)) {
            fields.wrong(field, "is required");
        }
    }
    if (!fields.has("status") && !fields.has("result") && !fields.has("error")) {
        fields.wrong("status", "or result or error is required");
    }
    COMMON_CHECK(fields.finish("change a step of a plan"));
    return update;
}

common::Result<std::optional<std::string>> parse_advance(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    auto result = fields.text("result", step_text);
    COMMON_CHECK(fields.finish("advance a plan"));
    return result;
}

common::Result<std::string> parse_abort(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    auto reason = fields.text("reason", abort_reason).value_or("");
    COMMON_CHECK(fields.finish("abort a plan"));
    return reason;
}

} // namespace coordinator::http::rest
