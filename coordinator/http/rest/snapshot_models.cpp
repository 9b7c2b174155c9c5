#include "coordinator/http/reply.hpp"
#include "coordinator/http/rest/json_text.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/sandbox_json.hpp"

namespace coordinator::http::rest {

namespace {

double milliseconds_of(std::chrono::microseconds span)
{
    return static_cast<double>(span.count()) / 1000.0;
}

/// A string that holds an object; nothing where its host has not told yet.
std::string meta_of(const Checkpoint& checkpoint)
{
    if (checkpoint.engine.empty()) {
        return "";
    }
    return text_of(Json{{"engine", checkpoint.engine},
                        {"libvirt_version", checkpoint.libvirt_version},
                        {"qemu_version", checkpoint.qemu_version},
                        {"digests", checkpoint.digests}});
}

Json json_of(const Checkpoint& checkpoint)
{
    Json json{
        {"id", checkpoint.id.str()},
        {"sandbox_id", checkpoint.sandbox.str()},
        {"name", checkpoint.name},
        {"kind", "EXTERNAL"}, // Its files are its own, beside the sandbox's disk.
        {"ref", checkpoint.path},
        {"created_at", common::to_rfc3339(checkpoint.created_at)},
        {"has_memory", checkpoint.has_memory},
        {"size_bytes", checkpoint.size.count()},
        {"status", to_string(checkpoint.status)},
        {"frozen", checkpoint.frozen},
        {"engine", checkpoint.engine},
        {"libvirt_version", checkpoint.libvirt_version},
        {"qemu_version", checkpoint.qemu_version},
        {"paused_ms", milliseconds_of(checkpoint.paused)},
        {"digests", Json(checkpoint.digests)},
    };
    set_if(json, "meta_json", meta_of(checkpoint));
    set_if(json, "parent_id", checkpoint.parent.str());
    set_if(json, "error", checkpoint.error);
    set_if_time(json, "deleted_at", checkpoint.deleted_at);
    return json;
}

} // namespace

std::string snapshot_body(const Checkpoint& checkpoint)
{
    return text_of(Json{{"snapshot", json_of(checkpoint)}});
}

std::string verified_body(const Checkpoint& checkpoint)
{
    return text_of(Json{{"snapshot", json_of(checkpoint)}, {"verified", true}});
}

std::string snapshots_body(const CheckpointPage& page)
{
    Json json{{"snapshots", Json::array()}, {"total", page.total}};
    for (const auto& checkpoint : page.checkpoints) {
        json["snapshots"].push_back(json_of(checkpoint));
    }
    set_next(json, page.next);
    return text_of(json);
}

std::string fork_body(const Fork& fork)
{
    Json json{{"children", Json::array()},
              {"has_memory", fork.has_memory},
              {"source_paused_ms", milliseconds_of(fork.source_paused)}};
    for (const auto& child : fork.children) {
        Json one{{"id", child.id.str()}};
        if (child.result) {
            one["sandbox"] = json_of(*child.result);
        } else {
            const auto& error = child.result.error();
            one["error"] = {{"error", error.message},
                            {"reason", error.stable_reason()},
                            {"code", status_of(error)}};
        }
        json["children"].push_back(std::move(one));
    }
    return text_of(json);
}

std::string replicas_body(const common::SandboxId& id, const ReplicaSet& replicas)
{
    Json json{{"sandbox_id", id.str()},
              {"wanted", replicas.policy.count},
              {"under_way", replicas.under_way},
              {"copies", Json::array()}};
    if (replicas.policy.count > 0) {
        json["every_sec"] = replicas.policy.every.count();
        json["memory"] = replicas.policy.memory;
    }
    for (const auto& copy : replicas.copies) {
        json["copies"].push_back({{"host_name", copy.host.str()},
                                  {"taken_at", common::to_rfc3339(copy.taken_at)},
                                  {"has_memory", copy.has_memory},
                                  {"size_bytes", copy.size.count()},
                                  {"snapshots", copy.snapshots}});
    }
    set_if(json, "error", replicas.error);
    set_if(json, "reason", replicas.reason);
    return text_of(json);
}

} // namespace coordinator::http::rest
