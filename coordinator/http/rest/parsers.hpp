#pragma once

#include "common/result.hpp"
#include "coordinator/core/plans.hpp"
#include "coordinator/core/playbooks.hpp"
#include "coordinator/core/service.hpp"
#include "coordinator/core/templates.hpp"
#include "coordinator/http/request.hpp"

#include <string_view>
#include <variant>

// One parser per endpoint: from a request to the closed value the service takes.
namespace coordinator::http::rest {

common::Result<CreateRequest> parse_create(std::string_view body,
                                           std::string_view attempt = "create a sandbox");
/// The name of the one that it is to replace comes from the path.
common::Result<TemplateRequest>
parse_template(std::string_view body, const std::optional<std::string>& replaced = std::nullopt);
common::Result<RunRequest> parse_run(std::string_view body);
common::Result<StopRequest> parse_stop(std::string_view body);
common::Result<StopRequest> parse_restart(std::string_view body);
common::Result<SnapshotRequest> parse_snapshot(std::string_view body);
common::Result<ForkRequest> parse_fork(std::string_view body);
/// Of a checkpoint, of files, or of somebody else's VM.
using WantedImage = std::variant<ImageRequest, RegisteredImage, VmImageRequest>;
common::Result<WantedImage> parse_image(std::string_view body);
/// Hex digits of a sha256, after "sha256:" or alone.
common::Result<std::string> parse_digest(std::string_view text);
common::Result<PoolRequest> parse_pool(std::string_view body);
common::Result<PoolChange> parse_pool_change(std::string_view body);
common::Result<HostChange> parse_host_change(std::string_view body);
/// For how long.
common::Result<std::chrono::seconds> parse_drain(std::string_view body);
common::Result<Evacuation> parse_evacuation(std::string_view body);

common::Result<PlaybookRequest> parse_playbook(std::string_view body);
common::Result<TaskRequest> parse_task(std::string_view body);
common::Result<TaskChange> parse_task_change(std::string_view body);
common::Result<std::vector<common::TaskId>> parse_reorder(std::string_view body);

common::Result<PlanRequest> parse_plan(std::string_view body);
struct StepUpdate {
    common::PlanId plan;
    StepChange change;
};
common::Result<StepUpdate> parse_step_update(std::string_view body);
/// The result of the step that is left.
common::Result<std::optional<std::string>> parse_advance(std::string_view body);
/// The reason; "" if none is said.
common::Result<std::string> parse_abort(std::string_view body);

struct StartRequest {
    bool wait_for_ip = false;
};
common::Result<StartRequest> parse_start(std::string_view body);

common::Result<std::chrono::seconds> parse_extend(std::string_view body);

/// For requests that have nothing to say: nothing or an empty object.
common::Result<> parse_nothing(std::string_view body, std::string_view attempt);

common::Result<ListFilter> parse_list(const Query& query);
common::Result<Page> parse_page(const Query& query, std::string_view attempt);

struct GetRequest {
    bool include_commands = false;
};
common::Result<GetRequest> parse_get(const Query& query);

/// For requests without parameters.
common::Result<> parse_no_query(const Query& query, std::string_view attempt);

} // namespace coordinator::http::rest
