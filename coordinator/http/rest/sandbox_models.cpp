#include "coordinator/http/rest/json_text.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/sandbox_json.hpp"

namespace coordinator::http::rest {

namespace {

/// The libvirt network a sandbox is attached to; "" where it has none.
std::string network_of(NetworkMode mode)
{
    switch (mode) {
    case NetworkMode::nat: return "paddock";
    case NetworkMode::isolated: return "paddock-isolated";
    case NetworkMode::none: break;
    }
    return "";
}

/// What was said of it, and no more.
Json json_of(const scheduler::Wants& wants)
{
    Json json = Json::object();
    if (!wants.labels.empty()) {
        json["labels"] = wants.labels;
    }
    if (!wants.tolerates.empty()) {
        json["tolerations"] = wants.tolerates;
    }
    set_if(json, "accelerator", wants.accelerator);
    if (!wants.group.empty()) {
        json["group"] = wants.group;
        json["apart"] = wants.apart ? "required" : "preferred";
    }
    set_if(json, "spread_by", wants.spread_by);
    return json;
}

} // namespace

Json command_json(const Command& command)
{
    Json json{
        {"id", command.id.str()},
        {"sandbox_id", command.sandbox.str()},
        {"command", command.command},
        {"stdout", command.stdout_text},
        {"stderr", command.stderr_text},
        {"exit_code", command.exit_code},
        {"started_at", common::to_rfc3339(command.started_at)},
        // A client expects a time even of a command that has not ended.
        {"ended_at", common::to_rfc3339(command.ended_at.value_or(command.started_at))},
        {"truncated", command.truncated},
        {"timed_out", command.timed_out},
        {"user", command.user},
        {"status", command.status},
    };
    if (!command.env.empty()) {
        json["env_json"] = text_of(Json(command.env)); // A string that holds an object.
    }
    set_if(json, "cwd", command.cwd);
    if (!command.timings_us.empty()) {
        json["timings_us"] = command.timings_us;
    }
    return json;
}

Json json_of(const Sandbox& sandbox)
{
    Object object;
    object.set("id", sandbox.id.str());
    object.set("job_id", sandbox.job.str());
    object.set("agent_id", sandbox.agent_id);
    object.set("sandbox_name", sandbox.name);
    object.set("base_image", sandbox.image.str());
    object.set("network", network_of(sandbox.network));
    object.set("state", to_string(state_of(sandbox.phase)));
    object.set("phase", to_string(sandbox.phase));
    object.set("image", sandbox.image.str());
    object.set("cpu", sandbox.vcpus);
    object.set("memory_mb", sandbox.memory.mib());
    object.set("labels", sandbox.labels);
    object.set("network_mode", to_string(sandbox.network));
    object.set("disk", to_string(sandbox.disk));
    if (sandbox.files != FilePolicy{}) {
        object.set("file_policy",
                   Json{{"roots", sandbox.files.roots},
                        {"never_read", sandbox.files.never_read},
                        {"never_written", sandbox.files.never_written}});
    }
    if (sandbox.wants != scheduler::Wants{}) {
        object.set("placement", json_of(sandbox.wants));
    }
    if (const auto& replicas = sandbox.replicas; replicas.count > 0) {
        object.set("replicas",
                   Json{{"count", replicas.count},
                        {"every_sec", replicas.every.count()},
                        {"memory", replicas.memory}});
    }
    object.set("generation", sandbox.generation);
    object.set("created_at", common::to_rfc3339(sandbox.created_at));
    object.set("updated_at", common::to_rfc3339(sandbox.updated_at));
    object.set_if("ip_address", sandbox.ip);
    object.set_if("host_name", sandbox.host.str());
    object.set_if("error", sandbox.error);
    if (sandbox.ttl) {
        object.set("ttl_seconds", sandbox.ttl->count());
    }
    object.set_if_time("expires_at", sandbox.expires_at);
    object.set_if_time("deleted_at", sandbox.deleted_at);
    if (!sandbox.timings_us.empty()) {
        object.set("timings_us", sandbox.timings_us);
    }
    return object.take();
}

std::string created_body(const Sandbox& sandbox)
{
    Json json{{"sandbox", json_of(sandbox)}};
    set_if(json, "ip_address", sandbox.ip);
    return text_of(json);
}

std::string sandbox_body(const Sandbox& sandbox, const CommandPage* commands)
{
    Json json{{"sandbox", json_of(sandbox)}};
    if (commands != nullptr) {
        auto& list = json["commands"] = Json::array();
        for (const auto& command : commands->commands) {
            list.push_back(command_json(command));
        }
        json["commands_total"] = commands->total;
    }
    return text_of(json);
}

std::string sandboxes_body(const SandboxPage& page)
{
    Json json{{"sandboxes", Json::array()}, {"total", page.total}};
    auto& list = json["sandboxes"];
    for (const auto& sandbox : page.sandboxes) {
        list.push_back(json_of(sandbox));
    }
    set_next(json, page.next);
    return text_of(json);
}

std::string destroyed_body(const Sandbox& sandbox)
{
    Json json{{"state", "DESTROYED"},
              {"base_image", sandbox.image.str()},
              {"sandbox_name", sandbox.name}};
    if (sandbox.ttl) {
        json["ttl_seconds"] = sandbox.ttl->count();
    }
    return text_of(json);
}

std::string ip_body(const std::string& ip)
{
    Json json = Json::object();
    set_if(json, "ip_address", ip);
    return text_of(json);
}

std::string run_body(const Command& command)
{
    return text_of(Json{{"command", command_json(command)}});
}

std::string commands_body(const CommandPage& page)
{
    Json json{{"commands", Json::array()}, {"total", page.total}};
    for (const auto& command : page.commands) {
        json["commands"].push_back(command_json(command));
    }
    set_next(json, page.next);
    return text_of(json);
}

} // namespace coordinator::http::rest
