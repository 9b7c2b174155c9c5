#pragma once

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
common::Result<Reply> list_hosts(const Context& context, const Request& request);
common::Result<Reply> get_host(const Context& context, const Request& request);
common::Result<Reply> list_images(const Context& context, const Request& request);
common::Result<Reply> get_image(const Context& context, const Request& request);
common::Result<Reply> create_image(const Context& context, const Request& request);
common::Result<Reply> delete_image(const Context& context, const Request& request);
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
common::Result<Reply> sandbox_ip(const Context& context, const Request& request);

common::Result<Reply> take_snapshot(const Context& context, const Request& request);
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

common::Result<Reply> run_command(const Context& context, const Request& request);
common::Result<Reply> list_commands(const Context& context, const Request& request);

common::Result<Reply> start_exec(const Context& context, const Request& request);
common::Result<Reply> list_execs(const Context& context, const Request& request);
common::Result<Reply> read_exec(const Context& context, const Request& request);
common::Result<Reply> write_exec(const Context& context, const Request& request);
common::Result<Reply> signal_exec(const Context& context, const Request& request);
common::Result<Reply> resize_exec(const Context& context, const Request& request);

/// The sandbox that the path names. Text that is no id names none: `not_found`.
common::Result<common::SandboxId> sandbox_of(const Request& request);

} // namespace coordinator::http::rest
