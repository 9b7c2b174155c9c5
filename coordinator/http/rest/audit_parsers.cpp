#include "coordinator/http/rest/audit_parsers.hpp"

#include "common/rfc3339.hpp"
#include "coordinator/http/fields.hpp"
#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rules.hpp"

#include <algorithm>
#include <charconv>

namespace coordinator::http::rest {

using common::Result;

namespace {

constexpr Range row_numbers{0, INT64_MAX};

std::string_view prefix_of(AuditQuery::Order order)
{
    return order == AuditQuery::Order::newest_first ? "before-" : "after-";
}

/// Both kinds of fields are asked in the same words.
template <typename Source>
std::optional<common::WallTime> moment(Source& fields, const char* name)
{
    const auto text = fields.text(name, rules::any);
    const auto time = text ? common::from_rfc3339(*text) : std::nullopt;
    if (text && !time) {
        fields.wrong(name, "must be an RFC 3339 time, as 2026-01-31T12:00:00Z");
    }
    return time;
}

template <typename Source>
AuditSpan read_span(Source& fields)
{
    AuditSpan span;
    span.since = moment(fields, "since");
    span.until = moment(fields, "until");
    return span;
}

template <typename Source>
std::optional<std::uint64_t> row_number(Source& fields, const char* name)
{
    const auto number = fields.integer(name, row_numbers);
    return number ? std::optional{static_cast<std::uint64_t>(*number)} : std::nullopt;
}

template <typename Source>
void read_cursor(Source& fields, AuditQuery& query)
{
    const auto cursor = fields.text("cursor", rules::any);
    if (!cursor) {
        return;
    }
    const auto prefix = prefix_of(query.order);
    std::int64_t seq = -1;
    if (cursor->starts_with(prefix)) {
        const auto* end = cursor->data() + cursor->size();
        const auto [at, error] = std::from_chars(cursor->data() + prefix.size(), end, seq);
        seq = error == std::errc{} && at == end ? seq : -1;
    }
    if (seq < 0) {
        return fields.wrong("cursor", "must be the next_cursor of a page in the same order");
    }
    const auto next = static_cast<std::uint64_t>(seq);
    if (query.order == AuditQuery::Order::newest_first) {
        query.before = std::min(query.before.value_or(next), next);
    } else {
        query.after = std::max(query.after, next);
    }
}

template <typename Source>
AuditQuery read_query(Source& fields)
{
    constexpr Range limits{1, 500};
    AuditQuery query;
    query.span = read_span(fields);
    query.tool = fields.text("tool", rules::label_key);
    query.action = fields.text("action", rules::label_key);
    query.actor = fields.text("actor", rules::agent_id);
    query.target = fields.text("target", rules::name);
    query.host = fields.text("host", rules::name);
    query.result = fields.text("result", rules::label_key);
    query.request = fields.text("request_id", rules::agent_id);
    query.operation = fields.text("operation_id", rules::agent_id);
    if (const auto kind = fields.text("kind", rules::any)) {
        if (*kind != "intent" && *kind != "outcome") {
            fields.wrong("kind", "must be intent or outcome");
        }
        query.kind = *kind == "intent" ? AuditRow::Kind::intent : AuditRow::Kind::outcome;
    }
    if (const auto order = fields.text("order", rules::any)) {
        if (*order != "newest" && *order != "oldest") {
            fields.wrong("order", "must be newest or oldest: which come first");
        }
        query.order =
            *order == "oldest" ? AuditQuery::Order::oldest_first : AuditQuery::Order::newest_first;
    }
    query.after = row_number(fields, "after").value_or(0);
    query.before = row_number(fields, "before");
    if (const auto limit = fields.integer("limit", limits)) {
        query.limit = static_cast<std::uint32_t>(*limit);
    }
    read_cursor(fields, query);
    return query;
}

} // namespace

Result<AuditQuery> parse_audit_list(const Query& query)
{
    QueryFields fields{query};
    auto wanted = read_query(fields);
    COMMON_CHECK(fields.finish("list the audit"));
    return wanted;
}

Result<AuditQuery> parse_audit_query(std::string_view body)
{
    COMMON_TRY(auto fields, Fields::parse(body));
    auto wanted = read_query(fields);
    wanted.total = AuditQuery::Total::counted;
    COMMON_CHECK(fields.finish("query the audit"));
    return wanted;
}

Result<AuditSpan> parse_audit_span(const Query& query)
{
    QueryFields fields{query};
    auto span = read_span(fields);
    COMMON_CHECK(fields.finish("count the audit"));
    return span;
}

Result<std::uint64_t> parse_audit_export(const Query& query)
{
    QueryFields fields{query};
    const auto after = row_number(fields, "after");
    COMMON_CHECK(fields.finish("export the audit"));
    return after.value_or(0);
}

std::string audit_cursor(const AuditQuery& query, std::uint64_t next)
{
    return std::string{prefix_of(query.order)} + std::to_string(next);
}

} // namespace coordinator::http::rest
