#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/shape_fields.hpp"
#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

namespace {

constexpr Range run_seconds{0, 3600};
constexpr Range stop_seconds{1, 600};
constexpr Range drain_seconds{1, 7L * 24 * 3600};
constexpr std::int64_t default_drain_seconds = 3600;

} // namespace

common::Result<RunRequest> parse_run(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    RunRequest request;
    if (const auto command = fields.text("command", rules::command)) {
        request.command = *command;
    } else if (!fields.has("command")) {
        fields.wrong("command", "is required");
    }
    const auto user_or_nothing = [](std::string_view text) {
        return text.empty() ? std::string{} : rules::user(text);
    };
    const auto path_or_nothing = [](std::string_view text) {
        return text.empty() ? std::string{} : rules::absolute_path(text);
    };
    if (const auto user = fields.text("user", user_or_nothing); user && !user->empty()) {
        request.user = *user;
    }
    request.cwd = fields.text("cwd", path_or_nothing).value_or("");
    request.env = read_env(fields);
    request.stdin_text = fields.text("stdin", rules::any).value_or("");
    if (const auto timeout = unless_zero(fields.integer("timeout_sec", run_seconds))) {
        request.timeout = std::chrono::seconds{*timeout};
    }
    fields.text("private_key_path", rules::any); // Of old clients: execution needs no key.
    COMMON_CHECK(fields.finish("run a command"));
    return request;
}

namespace {

common::Result<StopRequest> read_stop(std::string_view body, std::string_view attempt)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    StopRequest request;
    request.force = fields.boolean("force").value_or(false);
    if (const auto timeout = fields.integer("timeout_sec", stop_seconds)) {
        request.timeout = std::chrono::seconds{*timeout};
    }
    COMMON_CHECK(fields.finish(attempt));
    return request;
}

} // namespace

common::Result<StopRequest> parse_stop(std::string_view body)
{
    return read_stop(body, "stop a sandbox");
}

common::Result<StopRequest> parse_restart(std::string_view body)
{
    return read_stop(body, "restart a sandbox");
}

common::Result<StartRequest> parse_start(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    StartRequest request;
    request.wait_for_ip = fields.boolean("wait_for_ip").value_or(false);
    COMMON_CHECK(fields.finish("start a sandbox"));
    return request;
}

common::Result<std::chrono::seconds> parse_extend(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    const auto ttl = fields.integer("ttl_seconds", {1, lifetime_seconds.high});
    if (!fields.has("ttl_seconds")) {
        fields.wrong("ttl_seconds", "is required");
    }
    COMMON_CHECK(fields.finish("extend a sandbox"));
    return std::chrono::seconds{ttl.value_or(0)};
}

common::Result<> parse_nothing(std::string_view body, std::string_view attempt)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    return fields.finish(attempt);
}

common::Result<HostChange> parse_host_change(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    HostChange change{.labels = read_label_changes(fields, "labels"),
                      .taints = read_label_changes(fields, "taints")};
    if (!fields.has("labels") && !fields.has("taints")) {
        fields.wrong("labels", "is required, or taints");
    }
    COMMON_CHECK(fields.finish("change a host"));
    return change;
}

common::Result<std::chrono::seconds> parse_drain(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    const auto seconds = fields.integer("deadline_sec", drain_seconds);
    COMMON_CHECK(fields.finish("drain a host"));
    return std::chrono::seconds{seconds.value_or(default_drain_seconds)};
}

common::Result<Evacuation> parse_evacuation(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    Evacuation evacuation;
    evacuation.powered_off = fields.boolean("powered_off").value_or(false);
    COMMON_CHECK(fields.finish("evacuate a host"));
    return evacuation;
}

} // namespace coordinator::http::rest
