#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/shape_fields.hpp"
#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

namespace {

constexpr common::Bytes max_params = common::Bytes::kib(64);
constexpr std::size_t max_order = 10'000; // More than a playbook may ever have.

/// What in a task of Ansible stands beside its module: a module of such a name cannot be called.
constexpr std::string_view keywords =
    " action always any_errors_fatal args async async_val become become_exe become_flags "
    "become_method become_user block changed_when check_mode collections connection debugger "
    "delay delegate_facts delegate_to diff environment failed_when ignore_errors "
    "ignore_unreachable local_action loop loop_control loop_with module_defaults name no_log "
    "notify poll port register remote_user rescue retries run_once tags throttle timeout "
    "until vars when ";

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// A module's name: identifiers with dots between them.
std::string module_name(std::string_view text)
{
    bool begins = true;
    bool fits = !text.empty() && text.size() <= 128;
    for (const char c : text) {
        const bool digit = c >= '0' && c <= '9';
        fits = fits && (is_letter(c) || (!begins && (digit || c == '.')));
        begins = c == '.';
    }
    if (!fits || begins) {
        return "must be a module's name, as apt or ansible.builtin.apt: at most 128 of "
               "[A-Za-z0-9_.]";
    }
    const auto word = " " + std::string{text} + " ";
    const bool keyword = keywords.find(word) != std::string_view::npos;
    return keyword || text.starts_with("with_") ? "is a keyword of tasks and no module" : "";
}

std::string task_name(std::string_view text)
{
    return !text.empty() && text.size() <= 4096 ? "" : "must be 1 to 4096 bytes";
}

/// Ansible resolves templates in it before it reads anything else, so it has none.
std::string host_pattern(std::string_view text)
{
    for (const char* opening : {"{{", "{%", "{#"}) {
        if (text.find(opening) != std::string_view::npos) {
            return "must be a pattern of hosts without templates";
        }
    }
    return text.empty() ? "" : rules::label_value(text);
}

std::string task_id(std::string_view text)
{
    return common::parse_id<common::TaskId>(text) ? "" : "must be the id of a task";
}

TaskChange read_task(Fields& fields)
{
    return {fields.text("name", task_name),
            fields.text("module", module_name),
            fields.object("params", max_params)};
}

} // namespace

common::Result<PlaybookRequest> parse_playbook(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    PlaybookRequest request;
    request.name = read_name(fields, "name");
    if (auto hosts = fields.text("hosts", host_pattern); hosts && !hosts->empty()) {
        request.hosts = std::move(*hosts); // "" is what a client sends that has nothing to say.
    }
    request.become = fields.boolean("become").value_or(false);
    COMMON_CHECK(fields.finish("make a playbook"));
    return request;
}

common::Result<TaskRequest> parse_task(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    auto said = read_task(fields);
    for (const char* field : {"name", "module"}) {
        if (!fields.has(field)) {
            fields.wrong(field, "is required");
        }
    }
    COMMON_CHECK(fields.finish("add a task"));
    return TaskRequest{std::move(*said.name), std::move(*said.module), said.params.value_or("{}")};
}

common::Result<TaskChange> parse_task_change(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    auto said = read_task(fields);
    COMMON_CHECK(fields.finish("change a task"));
    return said;
}

common::Result<std::vector<common::TaskId>> parse_reorder(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    const auto ids = fields.list("task_ids", task_id, max_order);
    if (!fields.has("task_ids")) {
        fields.wrong("task_ids", "is required");
    }
    COMMON_CHECK(fields.finish("reorder tasks"));
    std::vector<common::TaskId> order;
    for (const auto& id : *ids) {
        order.emplace_back(id);
    }
    return order;
}

} // namespace coordinator::http::rest
