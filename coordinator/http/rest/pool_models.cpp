#include "coordinator/http/rest/json_text.hpp"
#include "coordinator/http/rest/models.hpp"

namespace coordinator::http::rest {

namespace {

Json json_of_host(const PoolState::OnHost& host)
{
    Json json{{"host_name", host.host.str()},
              {"ready", host.ready},
              {"filling", host.filling},
              {"source", host.source}};
    set_if(json, "error", host.error);
    return json;
}

Json json_of(const PoolState& state)
{
    const auto& pool = state.pool;
    std::uint64_t ready = 0;
    std::uint64_t filling = 0;
    auto hosts = Json::array();
    for (const auto& host : state.hosts) {
        ready += host.ready;
        filling += host.filling;
        hosts.push_back(json_of_host(host));
    }
    Json json{
        {"name", pool.name},
        {"image", pool.image.str()},
        {"cpu", pool.vcpus},
        {"memory_mb", pool.memory.mib()},
        {"network_mode", to_string(pool.network)},
        {"min", pool.min},
        {"max", pool.max},
        {"max_age_seconds", pool.max_age.count()},
        {"created_at", common::to_rfc3339(pool.created_at)},
        {"target", state.target},
        {"ready", ready},
        {"filling", filling},
        {"hits", state.hits},
        {"misses", state.misses},
        {"refills", state.refills},
        {"refill_failures", state.failures},
        {"dead", state.dead},
        {"thrown_out", state.thrown_out},
    };
    if (state.refill_time.count() > 0) {
        json["refill_ms"] = state.refill_time.count();
    }
    json["hosts"] = std::move(hosts);
    return json;
}

} // namespace

std::string pool_body(const PoolState& pool)
{
    return text_of(Json{{"pool", json_of(pool)}});
}

std::string pools_body(const std::vector<PoolState>& pools, const Page& page)
{
    return page_body(
        "pools", pools, page, json_of, +[](const PoolState& state) {
            return Position{0, state.pool.name};
        });
}

} // namespace coordinator::http::rest
