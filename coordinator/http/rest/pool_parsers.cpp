#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/shape_fields.hpp"

namespace coordinator::http::rest {

namespace {

constexpr Range ready{0, 256}; // On each host; what it really holds is a matter of its capacity.
constexpr Range max_age_seconds{60, 366L * 24 * 3600};

/// min, max and max_age_seconds, those that are said.
PoolChange read_bounds(Fields& fields)
{
    PoolChange bounds;
    if (const auto min = fields.integer("min", ready)) {
        bounds.min = static_cast<unsigned>(*min);
    }
    if (const auto max = fields.integer("max", ready)) {
        bounds.max = static_cast<unsigned>(*max);
    }
    if (const auto age = fields.integer("max_age_seconds", max_age_seconds)) {
        bounds.max_age = std::chrono::seconds{*age};
    }
    if (bounds.min && bounds.max && *bounds.min > *bounds.max) {
        fields.wrong("min", "must not be more than max");
    }
    return bounds;
}

} // namespace

common::Result<PoolRequest> parse_pool(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    PoolRequest request;
    request.name = read_name(fields, "name");
    request.image = common::ImageName{read_name(fields, "image")};
    request.vcpus = read_cpu(fields);
    request.memory = read_memory(fields);
    request.network = read_network_mode(fields);
    const auto bounds = read_bounds(fields);
    if (!fields.has("min") && bounds.max && *bounds.max < request.min) {
        fields.wrong("max", "must not be less than min, which is 1 if it is not said");
    }
    request.min = bounds.min.value_or(request.min);
    request.max = bounds.max;
    request.max_age = bounds.max_age;
    COMMON_CHECK(fields.finish("make a pool"));
    return request;
}

common::Result<PoolChange> parse_pool_change(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    const auto change = read_bounds(fields);
    if (!fields.has("min") && !fields.has("max") && !fields.has("max_age_seconds")) {
        fields.wrong("min", "or max or max_age_seconds is required");
    }
    COMMON_CHECK(fields.finish("change a pool"));
    return change;
}

} // namespace coordinator::http::rest
