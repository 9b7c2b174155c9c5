#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

namespace {

void read_label_filter(QueryFields& fields, ListFilter& filter)
{
    for (const auto& label : fields.all("label")) {
        const auto equals = label.find('=');
        const auto key = label.substr(0, equals);
        const auto value = equals == std::string::npos ? "" : label.substr(equals + 1);
        if (equals == std::string::npos || !rules::label_key(key).empty() ||
            !rules::label_value(value).empty()) {
            fields.wrong("label", "must be KEY=VALUE as labels are made of");
        } else if (const auto [at, fresh] = filter.labels.emplace(key, value);
                   !fresh && at->second != value) {
            fields.wrong("label", "asks two values of one key");
        }
    }
}

} // namespace

common::Result<ListFilter> parse_list(const Query& query)
{
    QueryFields fields{query};
    ListFilter filter;
    filter.agent_id = fields.text("agent_id", rules::agent_id);
    filter.job_id = fields.text("job_id", rules::name);
    filter.base_image = fields.text("base_image", rules::name);
    filter.name = fields.text("vm_name", rules::name);
    filter.host = fields.text("host", rules::name);
    if (const auto state = fields.text("state", rules::any)) {
        filter.state = state_from(*state);
        if (!filter.state) {
            fields.wrong("state",
                         "must be CREATED, STARTING, RUNNING, STOPPED, DESTROYED or ERROR");
        }
    }
    read_label_filter(fields, filter);
    filter.page = fields.page();
    COMMON_CHECK(fields.finish("list sandboxes"));
    return filter;
}

common::Result<Page> parse_page(const Query& query, std::string_view attempt)
{
    QueryFields fields{query};
    const auto page = fields.page();
    COMMON_CHECK(fields.finish(attempt));
    return page;
}

common::Result<GetRequest> parse_get(const Query& query)
{
    QueryFields fields{query};
    GetRequest request;
    request.include_commands = fields.boolean("include_commands").value_or(false);
    COMMON_CHECK(fields.finish("get a sandbox"));
    return request;
}

common::Result<> parse_no_query(const Query& query, std::string_view attempt)
{
    return QueryFields{query}.finish(attempt);
}

} // namespace coordinator::http::rest
