#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/router.hpp"

namespace coordinator::http {

namespace {

using enum Method;

constexpr Route open(std::string_view pattern, Handler handler, std::string_view summary)
{
    return {get, pattern, Access::open, handler, "", summary};
}

constexpr Route
built(Method method, std::string_view pattern, Handler handler, std::string_view summary)
{
    return {method, pattern, Access::token, handler, "", summary};
}

/// Done once under an Idempotency-Key; what it does has no intent.
constexpr Route unrecorded(std::string_view pattern, Handler handler, std::string_view summary)
{
    return {post, pattern, Access::token, handler, "", summary, Replay::unrecorded};
}

constexpr Route shown(std::string_view pattern, Handler handler, std::string_view summary)
{
    return {get, pattern, Access::browser, handler, "", summary};
}

constexpr Route later(Method method, std::string_view pattern, std::string_view feature)
{
    return {method, pattern, Access::token, nullptr, feature, feature};
}

// Names of features, as a 501 gives them.
constexpr std::string_view changes = "diff and publish";
constexpr std::string_view playbooks = "Ansible jobs and generated playbooks";
constexpr std::string_view certificates = "SSH access";
constexpr std::string_view governance = "approvals";
constexpr std::string_view tenancy = "keys, tenants and quotas";

// clang-format off: a table, one route a line.
constexpr Route routes[] = {
    open("/v1/health", rest::health, "Whether the service answers at all"),
    open("/healthz", rest::alive, "Liveness probe"),
    open("/readyz", rest::ready, "Readiness by component"),
    open("/version", rest::version, "Name and version"),
    built(get, "/metrics", rest::metrics, "Prometheus metrics"),
    shown("/openapi.json", rest::openapi, "This API, as OpenAPI 3.1"),
    shown("/docs", rest::docs, "This API, as a page"),

    built(get, "/v1/events", rest::follow_events, "What happens, as it happens"),
    built(get, "/v1/audit", rest::list_audit, "Who did what"),
    built(post, "/v1/audit/query", rest::query_audit, "Who did what, as the predecessor asked it"),
    built(get, "/v1/audit/export", rest::export_audit, "All of it, as NDJSON"),
    built(get, "/v1/audit/verify", rest::verify_audit, "Whether the chain is whole"),
    built(get, "/v1/audit/stats", rest::audit_stats, "Counts"),
    built(get, "/v1/vms", rest::list_vms, "Foreign virtual machines on all hosts"),
    built(get, "/v1/hosts", rest::list_hosts, "Hosts with capacity and use"),
    built(get, "/v1/hosts/{name}", rest::get_host, "One host"),
    built(patch, "/v1/hosts/{name}", rest::change_host, "A host's labels"),
    built(post, "/v1/hosts/{name}/cordon", rest::cordon_host, "Place nothing more on a host"),
    built(post, "/v1/hosts/{name}/uncordon", rest::uncordon_host, "Place on a host again"),
    built(post, "/v1/hosts/{name}/drain", rest::drain_host, "Move its sandboxes to other hosts"),
    built(post,
          "/v1/hosts/{name}/evacuate",
          rest::evacuate_host,
          "Bring back its sandboxes elsewhere"),
    built(post, "/v1/placement/explain", rest::explain_placement, "Every host's verdict"),
    built(get, "/v1/images", rest::list_images, "Images and where they are"),
    built(post,
          "/v1/images",
          rest::create_image,
          "Make an image of a checkpoint or of uploaded files"),
    built(get, "/v1/images/{name}", rest::get_image, "One image"),
    built(del, "/v1/images/{name}", rest::delete_image, "Delete an image that was made so"),
    built(get, "/v1/images/blobs/{digest}", rest::get_blob, "Whether a file is there"),
    {put,
     "/v1/images/blobs/{digest}",
     Access::token,
     rest::upload_blob,
     "",
     "Upload a file for images",
     Replay::by_handler,
     Body::raw},
    built(get, "/v1/templates", rest::list_templates, "What creates have in common, by name"),
    built(post, "/v1/templates", rest::create_template, "Make a template"),
    built(get, "/v1/templates/{name}", rest::get_template, "One template"),
    built(put, "/v1/templates/{name}", rest::replace_template, "Say all of it anew"),
    built(del, "/v1/templates/{name}", rest::delete_template, "Delete a template"),
    built(get, "/v1/pools", rest::list_pools, "Warm pools and what they have ready"),
    built(post, "/v1/pools", rest::create_pool, "Make a warm pool"),
    built(get, "/v1/pools/{name}", rest::get_pool, "One warm pool"),
    built(patch, "/v1/pools/{name}", rest::change_pool, "How many it keeps, and for how long"),
    built(del, "/v1/pools/{name}", rest::delete_pool, "Delete a warm pool"),

    built(get, "/v1/sandboxes", rest::list_sandboxes, "Sandboxes, newest first"),
    built(post, "/v1/sandboxes", rest::create_sandbox, "Create a sandbox"),
    built(get, "/v1/sandboxes/{id}", rest::get_sandbox, "One sandbox"),
    built(del, "/v1/sandboxes/{id}", rest::destroy_sandbox, "Destroy a sandbox"),
    built(post, "/v1/sandboxes/{id}/start", rest::start_sandbox, "Start a sandbox"),
    built(post, "/v1/sandboxes/{id}/stop", rest::stop_sandbox, "Stop a sandbox, its disk is kept"),
    built(post, "/v1/sandboxes/{id}/pause", rest::pause_sandbox, "Keep its memory, give it no CPU"),
    built(post, "/v1/sandboxes/{id}/resume", rest::resume_sandbox, "Let a paused sandbox go on"),
    built(post, "/v1/sandboxes/{id}/suspend", rest::suspend_sandbox, "Its memory to disk"),
    built(post, "/v1/sandboxes/{id}/restart", rest::restart_sandbox, "Stop it and start it anew"),
    built(post, "/v1/sandboxes/{id}/extend", rest::extend_sandbox, "A new time to live, from now"),
    built(get, "/v1/sandboxes/{id}/replicas", rest::list_replicas, "What other hosts have of it"),
    built(get, "/v1/sandboxes/{id}/ip", rest::sandbox_ip, "Wait for and tell the address"),
    built(post, "/v1/sandboxes/{id}/run", rest::run_command, "Run a shell command to its end"),
    built(post, "/v1/sandboxes/{id}/command", rest::run_command, "The same as run"),
    built(get, "/v1/sandboxes/{id}/commands", rest::list_commands, "Commands that were run"),
    {post,
     "/v1/sandboxes/{id}/exec",
     Access::token,
     rest::start_exec,
     "",
     "Start a command, read it live",
     Replay::by_gateway,
     Body::whole,
     rest::stream_exec},
    built(get, "/v1/sandboxes/{id}/exec", rest::list_execs, "Live commands, newest first"),
    built(get, "/v1/sandboxes/{id}/exec/{eid}", rest::read_exec, "Read a live command"),
    unrecorded("/v1/sandboxes/{id}/exec/{eid}/stdin", rest::write_exec, "Write to its stdin"),
    unrecorded("/v1/sandboxes/{id}/exec/{eid}/signal", rest::signal_exec, "Send it a signal"),
    unrecorded("/v1/sandboxes/{id}/exec/{eid}/resize", rest::resize_exec, "Size its terminal"),
    built(post, "/v1/sandboxes/{id}/snapshot", rest::take_snapshot, "Take a checkpoint"),
    built(get, "/v1/sandboxes/{id}/snapshots", rest::list_snapshots, "Checkpoints, oldest first"),
    built(post, "/v1/sandboxes/{id}/snapshots", rest::take_snapshot, "The same as snapshot"),
    built(get, "/v1/sandboxes/{id}/snapshots/{name}", rest::get_snapshot, "One checkpoint"),
    built(del, "/v1/sandboxes/{id}/snapshots/{name}", rest::delete_snapshot, "Delete a checkpoint"),
    built(post,
          "/v1/sandboxes/{id}/snapshots/{name}/restore",
          rest::restore_snapshot,
          "Go back to it"),
    built(post,
          "/v1/sandboxes/{id}/snapshots/{name}/verify",
          rest::verify_snapshot,
          "Digest its files anew"),
    built(post, "/v1/sandboxes/{id}/fork", rest::fork_sandbox, "New sandboxes that go on from it"),

    later(post, "/v1/sandboxes/{id}/diff", changes),
    later(post, "/v1/sandboxes/{id}/generate/{tool}", playbooks),
    later(post, "/v1/sandboxes/{id}/publish", changes),
    later(post, "/v1/sandboxes/{id}/sshkey", certificates),
    built(get, "/v1/sandboxes/{id}/stream", rest::follow_sandbox, "What is done in a sandbox"),
    built(get, "/v1/sandboxes/{id}/files", rest::download_file, "A file's bytes"),
    {put,
     "/v1/sandboxes/{id}/files",
     Access::token,
     rest::upload_file,
     "",
     "Write a file's bytes",
     Replay::by_handler,
     Body::raw},
    built(post, "/v1/sandboxes/{id}/file/read", rest::use_file<FileAction::lines>, "Read a file"),
    built(post, "/v1/sandboxes/{id}/file/write", rest::write_file, "Write a file"),
    built(post,
          "/v1/sandboxes/{id}/file/edit",
          rest::use_file<FileAction::edit>,
          "Replace text in a file"),
    built(post, "/v1/sandboxes/{id}/file/copy", rest::use_file<FileAction::copy>, "Copy a file"),
    built(post,
          "/v1/sandboxes/{id}/file/delete",
          rest::use_file<FileAction::remove>,
          "Delete a file"),
    built(post, "/v1/sandboxes/{id}/file/list", rest::use_file<FileAction::list>, "List a folder"),
    built(post,
          "/v1/sandboxes/{id}/file/exists",
          rest::use_file<FileAction::exists>,
          "Whether a file exists"),
    built(
        post, "/v1/sandboxes/{id}/file/hash", rest::use_file<FileAction::hash>, "A file's digest"),
    built(
        post, "/v1/sandboxes/{id}/file/mkdir", rest::use_file<FileAction::mkdir>, "Make a folder"),
    built(post, "/v1/sandboxes/{id}/file/move", rest::use_file<FileAction::move>, "Move a file"),
    built(get, "/v1/sandboxes/{id}/file/watch", rest::watch_files, "Changes as they happen"),
    built(get,
          "/v1/sandboxes/{id}/tmux/sessions",
          rest::use_terminal<TerminalAction::sessions>,
          "Terminal sessions"),
    built(post,
          "/v1/sandboxes/{id}/tmux/sessions/create",
          rest::use_terminal<TerminalAction::create_session>,
          "Create a terminal session"),
    built(del,
          "/v1/sandboxes/{id}/tmux/sessions/{name}",
          rest::use_terminal<TerminalAction::kill_session>,
          "Kill a terminal session"),
    built(post,
          "/v1/sandboxes/{id}/tmux/sessions/{name}/release",
          rest::use_terminal<TerminalAction::kill_session>,
          "The same as to kill it"),
    built(get,
          "/v1/sandboxes/{id}/tmux/windows",
          rest::use_terminal<TerminalAction::windows>,
          "Windows of sessions"),
    built(del,
          "/v1/sandboxes/{id}/tmux/windows/{window}",
          rest::use_terminal<TerminalAction::kill_window>,
          "Kill a window"),
    built(get,
          "/v1/sandboxes/{id}/tmux/panes",
          rest::use_terminal<TerminalAction::panes>,
          "Panes of sessions"),
    built(post,
          "/v1/sandboxes/{id}/tmux/panes/create",
          rest::use_terminal<TerminalAction::create_pane>,
          "Split a window, or open one"),
    built(del,
          "/v1/sandboxes/{id}/tmux/panes/{pane}",
          rest::use_terminal<TerminalAction::kill_pane>,
          "Kill a pane"),
    built(post,
          "/v1/sandboxes/{id}/tmux/panes/read",
          rest::use_terminal<TerminalAction::read>,
          "What a pane shows"),
    built(post,
          "/v1/sandboxes/{id}/tmux/panes/send-keys",
          rest::use_terminal<TerminalAction::send_keys>,
          "Type into a pane"),
    built(post,
          "/v1/sandboxes/{id}/tmux/panes/resize",
          rest::use_terminal<TerminalAction::resize>,
          "Size a pane"),
    built(post,
          "/v1/sandboxes/{id}/tmux/panes/switch",
          rest::use_terminal<TerminalAction::switch_to>,
          "Make a pane the active one"),
    built(get,
          "/v1/sandboxes/{id}/tmux/panes/watch",
          rest::watch_pane,
          "What a pane shows, as it changes"),
    built(get, "/v1/sandboxes/{id}/metrics", rest::sandbox_metrics, "What it uses"),
    built(get, "/v1/sandboxes/{id}/logs", rest::sandbox_logs, "The end of its console"),
    built(get, "/v1/sandboxes/{id}/screenshot", rest::sandbox_screenshot, "Its console, as a PNG"),
    later(any, "/v1/sandboxes/{id}/ports/{port}/{rest...}", "HTTP to ports in the sandbox"),

    later(post, "/v1/ansible/jobs", playbooks),
    later(get, "/v1/ansible/jobs/{id}", playbooks),
    later(get, "/v1/ansible/jobs/{id}/stream", playbooks),
    built(get, "/v1/ansible/playbooks", rest::list_playbooks, "Playbooks, by name"),
    built(post, "/v1/ansible/playbooks", rest::create_playbook, "Make a playbook"),
    built(get, "/v1/ansible/playbooks/{name}", rest::get_playbook, "One playbook with its tasks"),
    built(del, "/v1/ansible/playbooks/{name}", rest::delete_playbook, "Delete it and its tasks"),
    built(get, "/v1/ansible/playbooks/{name}/export", rest::export_playbook, "It as YAML"),
    built(post, "/v1/ansible/playbooks/{name}/tasks", rest::add_task, "Add a task at its end"),
    built(put, "/v1/ansible/playbooks/{name}/tasks/{id}", rest::change_task, "Change a task"),
    built(del, "/v1/ansible/playbooks/{name}/tasks/{id}", rest::delete_task, "Delete a task"),
    built(patch,
          "/v1/ansible/playbooks/{name}/tasks/reorder",
          rest::reorder_tasks,
          "All tasks in another order"),

    later(post, "/v1/access/request", certificates),
    later(get, "/v1/access/ca-pubkey", certificates),
    later(get, "/v1/access/certificates", certificates),
    later(get, "/v1/access/certificate/{id}", certificates),
    later(del, "/v1/access/certificate/{id}", certificates),
    later(post, "/v1/access/session/start", certificates),
    later(post, "/v1/access/session/end", certificates),
    later(get, "/v1/access/sessions", certificates),

    later(post, "/v1/human/ask", governance),
    later(post, "/v1/human/ask-async", governance),
    later(get, "/v1/human/pending", governance),
    later(get, "/v1/human/pending/{id}", governance),
    later(del, "/v1/human/pending/{id}", governance),
    later(post, "/v1/human/respond", governance),
    later(get, "/v1/approvals", governance),
    later(any, "/v1/approvals/{rest...}", governance),
    built(get, "/v1/plan", rest::list_plans, "Plans, newest first"),
    built(post, "/v1/plan/create", rest::create_plan, "Make a plan"),
    built(post, "/v1/plan/update", rest::update_plan, "Say how a step of a plan stands"),
    built(get, "/v1/plan/{id}", rest::get_plan, "One plan and its steps"),
    built(del, "/v1/plan/{id}", rest::delete_plan, "Delete a plan"),
    built(post, "/v1/plan/{id}/advance", rest::advance_plan, "Go on to its next step"),
    built(post, "/v1/plan/{id}/abort", rest::abort_plan, "End it as it stands"),

    later(get, "/v1/keys", tenancy),
    later(post, "/v1/keys", tenancy),
    later(del, "/v1/keys/{id}", tenancy),
    later(get, "/v1/tenants", tenancy),
    later(post, "/v1/tenants", tenancy),
    later(get, "/v1/tenants/{name}", tenancy),
    later(del, "/v1/tenants/{name}", tenancy),
    later(get, "/v1/quotas", tenancy),
    later(put, "/v1/quotas", tenancy),

    later(get, "/", "console"),
    later(any, "/e2b/{rest...}", "E2B compatibility"),
    later(any, "/mcp", "MCP server"),
};
// clang-format on

} // namespace

std::span<const Route> route_table()
{
    return routes;
}

} // namespace coordinator::http
