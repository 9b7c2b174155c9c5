#pragma once

#include "coordinator/core/guest_files.hpp"
#include "coordinator/core/guest_terminals.hpp"
#include "coordinator/core/service.hpp"
#include "coordinator/http/router.hpp"

// One function per built route; each file of rest/ holds one resource.
namespace coordinator::http::rest {

common::Result<Reply> health(const Context& context, const Request& request);
common::Result<Reply> alive(const Context& context, const Request& request);
common::Result<Reply> ready(const Context& context, const Request& request);
common::Result<Reply> version(const Context& context, const Request& request);
common::Result<Reply> metrics(const Context& context, const Request& request);
common::Result<Reply> openapi(const Context& context, const Request& request);
common::Result<Reply> docs(const Context& context, const Request& request);

common::Result<Reply> follow_events(const Context& context, const Request& request);
common::Result<Reply> follow_sandbox(const Context& context, const Request& request);
common::Result<Reply> list_audit(const Context& context, const Request& request);
common::Result<Reply> query_audit(const Context& context, const Request& request);
common::Result<Reply> export_audit(const Context& context, const Request& request);
common::Result<Reply> verify_audit(const Context& context, const Request& request);
common::Result<Reply> audit_stats(const Context& context, const Request& request);
common::Result<Reply> list_hosts(const Context& context, const Request& request);
common::Result<Reply> change_host(const Context& context, const Request& request);
common::Result<Reply> cordon_host(const Context& context, const Request& request);
common::Result<Reply> uncordon_host(const Context& context, const Request& request);
common::Result<Reply> evacuate_host(const Context& context, const Request& request);
common::Result<Reply> drain_host(const Context& context, const Request& request);
common::Result<Reply> explain_placement(const Context& context, const Request& request);
common::Result<Reply> get_host(const Context& context, const Request& request);
common::Result<Reply> list_images(const Context& context, const Request& request);
common::Result<Reply> get_image(const Context& context, const Request& request);
common::Result<Reply> create_image(const Context& context, const Request& request);
common::Result<Reply> delete_image(const Context& context, const Request& request);
common::Result<Reply> get_blob(const Context& context, const Request& request);
common::Result<Reply> upload_blob(const Context& context, const Request& request);
common::Result<Reply> list_vms(const Context& context, const Request& request);

common::Result<Reply> create_sandbox(const Context& context, const Request& request);
common::Result<Reply> list_sandboxes(const Context& context, const Request& request);
common::Result<Reply> get_sandbox(const Context& context, const Request& request);
common::Result<Reply> start_sandbox(const Context& context, const Request& request);
common::Result<Reply> stop_sandbox(const Context& context, const Request& request);
common::Result<Reply> pause_sandbox(const Context& context, const Request& request);
common::Result<Reply> resume_sandbox(const Context& context, const Request& request);
common::Result<Reply> suspend_sandbox(const Context& context, const Request& request);
common::Result<Reply> restart_sandbox(const Context& context, const Request& request);
common::Result<Reply> fork_sandbox(const Context& context, const Request& request);
common::Result<Reply> extend_sandbox(const Context& context, const Request& request);
common::Result<Reply> destroy_sandbox(const Context& context, const Request& request);
common::Result<Reply> sandbox_metrics(const Context& context, const Request& request);
common::Result<Reply> sandbox_logs(const Context& context, const Request& request);
common::Result<Reply> sandbox_screenshot(const Context& context, const Request& request);
common::Result<Reply> sandbox_ip(const Context& context, const Request& request);

common::Result<Reply> take_snapshot(const Context& context, const Request& request);
common::Result<Reply> list_replicas(const Context& context, const Request& request);
common::Result<Reply> list_snapshots(const Context& context, const Request& request);
common::Result<Reply> get_snapshot(const Context& context, const Request& request);
common::Result<Reply> delete_snapshot(const Context& context, const Request& request);
common::Result<Reply> restore_snapshot(const Context& context, const Request& request);
common::Result<Reply> verify_snapshot(const Context& context, const Request& request);

common::Result<Reply> list_pools(const Context& context, const Request& request);
common::Result<Reply> create_pool(const Context& context, const Request& request);
common::Result<Reply> get_pool(const Context& context, const Request& request);
common::Result<Reply> change_pool(const Context& context, const Request& request);
common::Result<Reply> delete_pool(const Context& context, const Request& request);

common::Result<Reply> list_playbooks(const Context& context, const Request& request);
common::Result<Reply> create_playbook(const Context& context, const Request& request);
common::Result<Reply> get_playbook(const Context& context, const Request& request);
common::Result<Reply> delete_playbook(const Context& context, const Request& request);
common::Result<Reply> export_playbook(const Context& context, const Request& request);
common::Result<Reply> add_task(const Context& context, const Request& request);
common::Result<Reply> change_task(const Context& context, const Request& request);
common::Result<Reply> delete_task(const Context& context, const Request& request);
common::Result<Reply> reorder_tasks(const Context& context, const Request& request);

common::Result<Reply> list_templates(const Context& context, const Request& request);
common::Result<Reply> create_template(const Context& context, const Request& request);
common::Result<Reply> get_template(const Context& context, const Request& request);
common::Result<Reply> replace_template(const Context& context, const Request& request);
common::Result<Reply> delete_template(const Context& context, const Request& request);

common::Result<Reply> list_plans(const Context& context, const Request& request);
common::Result<Reply> create_plan(const Context& context, const Request& request);
common::Result<Reply> get_plan(const Context& context, const Request& request);
common::Result<Reply> delete_plan(const Context& context, const Request& request);
common::Result<Reply> update_plan(const Context& context, const Request& request);
common::Result<Reply> advance_plan(const Context& context, const Request& request);
common::Result<Reply> abort_plan(const Context& context, const Request& request);

common::Result<Reply> run_command(const Context& context, const Request& request);
common::Result<Reply> list_commands(const Context& context, const Request& request);

common::Result<Reply> start_exec(const Context& context, const Request& request);
/// What start_exec() answered, or its stream; both also under a key that was used before.
common::Result<Reply> stream_exec(const Context& context, const Request& request, Reply started);
common::Result<Reply> list_execs(const Context& context, const Request& request);
common::Result<Reply> read_exec(const Context& context, const Request& request);
common::Result<Reply> write_exec(const Context& context, const Request& request);
common::Result<Reply> signal_exec(const Context& context, const Request& request);
common::Result<Reply> resize_exec(const Context& context, const Request& request);

common::Result<Reply> download_file(const Context& context, const Request& request);
common::Result<Reply> upload_file(const Context& context, const Request& request);
common::Result<Reply> write_file(const Context& context, const Request& request);
common::Result<Reply> watch_files(const Context& context, const Request& request);
/// All else that is done with files.
template <FileAction action>
common::Result<Reply> use_file(const Context& context, const Request& request);

template <TerminalAction action>
common::Result<Reply> use_terminal(const Context& context, const Request& request);
common::Result<Reply> watch_pane(const Context& context, const Request& request);

/// The create that the body asks for, over the template that it may name.
common::Result<CreateRequest>
wanted_create(const Context& context, const Request& request, std::string_view attempt);

/// The sandbox that the path names. Text that is no id names none: `not_found`.
common::Result<common::SandboxId> sandbox_of(const Request& request);

} // namespace coordinator::http::rest
