#include "common/version.hpp"
#include "coordinator/http/rest/json_text.hpp"
#include "coordinator/http/rest/models.hpp"

namespace coordinator::http::rest {

namespace {

/// Of a drain or an evacuation.
template <typename Progress>
Json json_of_emptying(const Progress& progress, common::WallTime since)
{
    Json json{
        {"state", to_string(progress.state)},
        {"since", common::to_rfc3339(since)},
        {"moved", progress.moved},
        {"remaining", progress.remaining},
        {"left", Json::array()},
    };
    for (const auto& left : progress.left) {
        json["left"].push_back({{"sandbox_id", left.sandbox.str()},
                                {"reason", left.reason},
                                {"message", left.message}});
    }
    return json;
}

Json json_of(const Host& host)
{
    const auto& facts = host.facts;
    Json json{
        {"name", host.name.str()},
        {"health", health_of(host)},
        {"hostname", facts.hostname},
        {"arch", facts.arch},
        {"kernel", facts.kernel},
        {"cpu_model", facts.cpu_model},
        {"cores", facts.cores},
        {"memory_mb", facts.memory.mib()},
        {"memory_available_mb", facts.memory_available.mib()},
        {"disk_mb", facts.disk.mib()},
        {"disk_free_mb", facts.disk_free.mib()},
        {"load1", facts.load1},
        {"accel", facts.accel},
        {"accel_reason", facts.accel_reason},
        {"state_engine", facts.state_engine},
        {"state_engine_reason", facts.state_engine_reason},
        {"network_cidr", facts.network_cidr},
        {"capacity_vcpus", facts.capacity_vcpus},
        {"capacity_memory_mb", facts.capacity_memory.mib()},
        {"overhead_mb", facts.overhead.mib()},
        {"used_vcpus", host.used_vcpus},
        {"used_memory_mb", host.used_memory.mib()},
        {"sandboxes", host.sandboxes},
        {"fence_after_sec", std::chrono::ceil<std::chrono::seconds>(facts.fence_after).count()},
        {"fence", facts.fence_action},
        {"cordoned", host.wish.cordoned},
        {"labels", host.wish.labels},
        {"taints", host.wish.taints},
        {"libvirt_version", facts.libvirt_version},
        {"qemu_version", facts.qemu_version},
        {"hostd_version", facts.hostd_version},
        {"warnings", facts.warnings},
        {"images", Json::array()},
        {"first_seen", common::to_rfc3339(host.first_seen)},
    };
    for (const auto& image : facts.images) {
        json["images"].push_back(image.name.str());
    }
    set_if_time(json, "last_seen", host.last_seen);
    if (host.drain && host.wish.drain) {
        json["drain"] = json_of_emptying(*host.drain, host.wish.drain->since);
        json["drain"]["until"] = common::to_rfc3339(host.wish.drain->until);
    }
    if (host.evacuation && host.wish.evacuation) {
        json["evacuation"] = json_of_emptying(*host.evacuation, host.wish.evacuation->since);
        json["evacuation"]["powered_off"] = host.wish.evacuation->powered_off;
    }
    return json;
}

Json json_of(const Image& image)
{
    Json json{
        {"name", image.name.str()},
        {"digest", image.digest},
        {"size_bytes", image.size.count()},
        {"virtual_size_bytes", image.virtual_size.count()},
        {"boot", image.boot},
        {"agent", image.agent},
        {"default_cpu", image.default_vcpus},
        {"default_memory_mb", image.default_memory.mib()},
        {"hosts", Json::array()},
        {"registered_at", common::to_rfc3339(image.registered_at)},
    };
    set_if(json, "from_snapshot", image.from_snapshot.str());
    set_if(json, "id", image.registration.str());
    set_if(json, "from_vm", image.from_vm);
    set_if(json, "prefetch", image.prefetch);
    for (const auto& host : image.hosts) {
        json["hosts"].push_back(host.str());
    }
    for (const auto& [host, why] : image.missing_on) {
        Json one{{"host_name", host.str()}};
        set_if(one, "error", why);
        json["missing_on"].push_back(std::move(one));
    }
    return json;
}

Json json_of(const ForeignVm& vm)
{
    Json json{
        {"name", vm.name}, {"uuid", vm.uuid}, {"state", vm.state}, {"persistent", vm.persistent}};
    set_if(json, "disk_path", vm.disk_path);
    set_if(json, "host_name", vm.host.str());
    set_if(json, "host_address", vm.host_address);
    return json;
}

} // namespace

std::string hosts_body(const std::vector<Host>& hosts, const Page& page)
{
    return page_body(
        "hosts", hosts, page, json_of, +[](const Host& host) {
            return Position{0, host.name.str()};
        });
}

std::string placement_body(const Placement& placement)
{
    Json json{{"placeable", placement.host.has_value()}};
    if (placement.host) {
        json["host"] = placement.host->str();
    }
    auto& hosts = json["hosts"] = Json::array();
    for (const auto& host : placement.hosts) {
        Json one{{"name", host.name.str()}, {"fits", host.why_not.empty()}};
        set_if(one, "why_not", host.why_not);
        if (host.why_not.empty()) {
            const auto& scores = host.scores;
            one["score"] = scores.total();
            one["scores"] = {{"apart", scores.apart},
                             {"image", scores.image},
                             {"load", scores.load},
                             {"pressure", scores.pressure},
                             {"quiet", scores.quiet},
                             {"room", scores.room},
                             {"warm", scores.warm}};
        }
        hosts.push_back(std::move(one));
    }
    return text_of(json);
}

std::string host_body(const Host& host)
{
    return text_of(Json{{"host", json_of(host)}});
}

std::string images_body(const std::vector<Image>& images, const Page& page)
{
    return page_body(
        "images", images, page, json_of, +[](const Image& image) {
            return Position{0, image.name.str()};
        });
}

std::string image_body(const Image& image)
{
    return text_of(Json{{"image", json_of(image)}});
}

std::string blob_body(const Blob& blob)
{
    return text_of(Json{{"blob", {{"digest", blob.digest}, {"size_bytes", blob.size.count()}}}});
}

std::string vms_body(const VmListing& listing)
{
    Json json{{"vms", Json::array()}};
    for (const auto& vm : listing.vms) {
        json["vms"].push_back(json_of(vm));
    }
    for (const auto& error : listing.host_errors) {
        json["host_errors"].push_back({{"host_name", error.host.str()},
                                       {"host_address", error.host_address},
                                       {"error", error.error}});
    }
    return text_of(json);
}

std::string ready_body(const Health& health, const common::RequestId& request)
{
    Json json{{"ready", health.ready}, {"epoch", health.epoch}, {"components", Json::array()}};
    if (!health.ready) {
        json["error"] = "not every component that is needed is ready";
        json["code"] = 503;
        json["reason"] = "not_ready";
        json["request_id"] = request.str();
    }
    for (const auto& component : health.components) {
        json["components"].push_back({{"name", component.name}, {"ready", component.ready}});
    }
    return text_of(json);
}

std::string version_body()
{
    return text_of(
        Json{{"name", "paddock-coordinator"}, {"version", common::version}, {"api", "v1"}});
}

} // namespace coordinator::http::rest
