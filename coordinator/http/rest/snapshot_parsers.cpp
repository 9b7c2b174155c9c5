#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rest/shape_fields.hpp"
#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

namespace {

constexpr Range children{1, 32};
/// "-32" is yet to be put behind it.
std::string name_prefix(std::string_view text)
{
    constexpr std::size_t longest = 60;
    return text.size() <= longest ? rules::name(text) : "must have at most 60 characters";
}

} // namespace

common::Result<SnapshotRequest> parse_snapshot(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    SnapshotRequest request;
    if (const auto name = fields.text("name", rules::name)) {
        request.name = *name;
    } else if (!fields.has("name")) {
        fields.wrong("name", "is required");
    }
    request.memory = fields.boolean("memory");
    fields.boolean("external"); // Of old clients: the files are always ones of their own.
    COMMON_CHECK(fields.finish("take a snapshot"));
    return request;
}

common::Result<ForkRequest> parse_fork(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    ForkRequest request;
    request.count = static_cast<unsigned>(fields.integer("count", children).value_or(1));
    request.from_snapshot = fields.text("from_snapshot", rules::name).value_or("");
    request.agent_id = fields.text("agent_id", rules::agent_id).value_or("");
    request.name_prefix = fields.text("name_prefix", name_prefix).value_or("");
    request.labels = read_labels(fields);
    if (const auto ttl = fields.integer("ttl_seconds", lifetime_seconds); ttl && *ttl > 0) {
        request.ttl = std::chrono::seconds{*ttl};
    }
    COMMON_CHECK(fields.finish("fork a sandbox"));
    return request;
}

} // namespace coordinator::http::rest
