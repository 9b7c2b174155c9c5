#pragma once

#include "coordinator/core/plans.hpp"
#include "coordinator/core/playbooks.hpp"
#include "coordinator/core/service.hpp"
#include "coordinator/core/templates.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

// The bodies of successful replies, as JSON text with the contract's field names.
// Text that is not UTF-8 (a command's output may be anything) is sent with U+FFFD.
namespace coordinator::http::rest {

std::string created_body(const Sandbox& sandbox); ///< {"sandbox","ip_address"?}
/// With `commands`: a page of them, and how many there are in all.
std::string sandbox_body(const Sandbox& sandbox, const CommandPage* commands);
std::string sandboxes_body(const SandboxPage& page);
std::string destroyed_body(const Sandbox& sandbox);
std::string ip_body(const std::string& ip);

std::string run_body(const Command& command);
std::string commands_body(const CommandPage& page);

std::string snapshot_body(const Checkpoint& checkpoint);
std::string verified_body(const Checkpoint& checkpoint);
std::string snapshots_body(const CheckpointPage& page);
std::string replicas_body(const common::SandboxId& id, const ReplicaSet& replicas);
std::string fork_body(const Fork& fork);

std::string placement_body(const Placement& placement);
std::string hosts_body(const std::vector<Host>& hosts, const Page& page);
std::string host_body(const Host& host);
std::string images_body(const std::vector<Image>& images, const Page& page);
std::string image_body(const Image& image);
std::string blob_body(const Blob& blob);
std::string pools_body(const std::vector<PoolState>& pools, const Page& page);
std::string pool_body(const PoolState& pool);
std::string playbook_body(const Playbook& playbook); ///< {"playbook"}
std::string playbook_with_tasks_body(const Playbook& playbook);
std::string playbooks_body(const PlaybookPage& page);
std::string task_body(const PlacedTask& task);
std::string export_body(const Playbook& playbook); ///< {"yaml"}
std::string template_body(const Template& one);    ///< {"template"}
std::string templates_body(const TemplatePage& page);
std::string plan_body(const Plan& plan); ///< {"plan"}
std::string plans_body(const PlanPage& page);
/// {"plan_id","plan",<what>: whether it was done}
std::string plan_changed_body(const char* what, const ChangedPlan& changed);
std::string plan_made_body(const Plan& plan);                 ///< {"plan_id","plan"}
std::string plan_deleted_body(const common::PlanId& plan_id); ///< {"plan_id","deleted"}
std::string vms_body(const VmListing& listing);

/// Names and readiness, no details; not ready, it has the shape of an error too.
std::string ready_body(const Health& health, const common::RequestId& request);
std::string version_body();

} // namespace coordinator::http::rest
