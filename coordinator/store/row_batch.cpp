#include "coordinator/store/row_batch.hpp"

#include "coordinator/store/text.hpp"

#include <array>
#include <fmt/format.h>

namespace coordinator::store {

namespace {

/// A column, how a text becomes its value ("$" stands for that), and the text of a row.
template <typename Row>
struct BatchColumn {
    const char* name;
    const char* value;
    void (*add)(ArrayText& array, const Row& row);
};

struct BatchValue {
    static constexpr const char* text = "$";
    static constexpr const char* number = "$::bigint";
    static constexpr const char* flag = "$::boolean";
    static constexpr const char* moment = "$::timestamptz";
    static constexpr const char* texts = "$::text[]";
    static constexpr const char* map = "jsonb_object($::text[])";
};

void add_batch_moment(ArrayText& array, common::WallTime time)
{
    array.add_raw(common::to_rfc3339(time));
}

void add_batch_moment(ArrayText& array, const std::optional<common::WallTime>& time)
{
    if (time) {
        add_batch_moment(array, *time);
    } else {
        array.add_null();
    }
}

template <typename Number>
void add_batch_number(ArrayText& array, Number value)
{
    array.add_raw(fmt::to_string(value));
}

constexpr std::array all_of_a_sandbox{
    BatchColumn<Sandbox>{
        "id", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.id.str()); }},
    BatchColumn<Sandbox>{
        "job_id", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.job.str()); }},
    BatchColumn<Sandbox>{
        "tenant", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.tenant); }},
    BatchColumn<Sandbox>{
        "agent_id", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.agent_id); }},
    BatchColumn<Sandbox>{
        "sandbox_name", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.name); }},
    BatchColumn<Sandbox>{
        "image", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.image.str()); }},
    BatchColumn<Sandbox>{"image_digest",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add(b.image_digest); }},
    BatchColumn<Sandbox>{
        "host", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.host.str()); }},
    BatchColumn<Sandbox>{"vcpus",
                         BatchValue::number,
                         [](ArrayText& to, const Sandbox& b) { add_batch_number(to, b.vcpus); }},
    BatchColumn<Sandbox>{
        "memory_bytes",
        BatchValue::number,
        [](ArrayText& to, const Sandbox& b) { add_batch_number(to, b.memory.count()); }},
    BatchColumn<Sandbox>{
        "overhead_bytes",
        BatchValue::number,
        [](ArrayText& to, const Sandbox& b) { add_batch_number(to, b.overhead.count()); }},
    BatchColumn<Sandbox>{"network_mode",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add_raw(to_string(b.network)); }},
    BatchColumn<Sandbox>{"disk",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add_raw(to_string(b.disk)); }},
    BatchColumn<Sandbox>{
        "labels",
        BatchValue::map,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(pairs_array(b.labels)); }},
    BatchColumn<Sandbox>{"env",
                         BatchValue::map,
                         [](ArrayText& to, const Sandbox& b) { to.add_raw(pairs_array(b.env)); }},
    BatchColumn<Sandbox>{
        "file_roots",
        BatchValue::texts,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(text_array(b.files.roots)); }},
    BatchColumn<Sandbox>{
        "files_never_read",
        BatchValue::texts,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(text_array(b.files.never_read)); }},
    BatchColumn<Sandbox>{
        "files_never_written",
        BatchValue::texts,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(text_array(b.files.never_written)); }},
    BatchColumn<Sandbox>{"ttl_seconds",
                         BatchValue::number,
                         [](ArrayText& to, const Sandbox& b) {
                             b.ttl ? add_batch_number(to, b.ttl->count()) : to.add_null();
                         }},
    BatchColumn<Sandbox>{
        "created_at",
        BatchValue::moment,
        [](ArrayText& to, const Sandbox& b) { add_batch_moment(to, b.created_at); }},
    BatchColumn<Sandbox>{
        "updated_at",
        BatchValue::moment,
        [](ArrayText& to, const Sandbox& b) { add_batch_moment(to, b.updated_at); }},
    BatchColumn<Sandbox>{
        "expires_at",
        BatchValue::moment,
        [](ArrayText& to, const Sandbox& b) { add_batch_moment(to, b.expires_at); }},
    BatchColumn<Sandbox>{
        "deleted_at",
        BatchValue::moment,
        [](ArrayText& to, const Sandbox& b) { add_batch_moment(to, b.deleted_at); }},
    BatchColumn<Sandbox>{"phase",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add_raw(to_string(b.phase)); }},
    BatchColumn<Sandbox>{"desired",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add_raw(to_string(b.desired)); }},
    BatchColumn<Sandbox>{
        "generation",
        BatchValue::number,
        [](ArrayText& to, const Sandbox& b) { add_batch_number(to, b.generation); }},
    BatchColumn<Sandbox>{
        "ip_address", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.ip); }},
    BatchColumn<Sandbox>{
        "error", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.error); }},
    BatchColumn<Sandbox>{
        "pool", BatchValue::text, [](ArrayText& to, const Sandbox& b) { to.add(b.pool); }},
    BatchColumn<Sandbox>{
        "pool_source",
        BatchValue::flag,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(b.pool_source ? "t" : "f"); }},
    BatchColumn<Sandbox>{
        "timings_us",
        BatchValue::map,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(pairs_array(b.timings_us)); }},
    BatchColumn<Sandbox>{"moving_to",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add(b.moving_to.str()); }},
    BatchColumn<Sandbox>{"left_host",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add(b.left_host.str()); }},
    BatchColumn<Sandbox>{"remains_on",
                         BatchValue::texts,
                         [](ArrayText& to, const Sandbox& b) {
                             std::vector<std::string> hosts;
                             for (const auto& host : b.remains_on) {
                                 hosts.push_back(host.str());
                             }
                             to.add_raw(text_array(hosts));
                         }},
    BatchColumn<Sandbox>{
        "wants_labels",
        BatchValue::map,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(pairs_array(b.wants.labels)); }},
    BatchColumn<Sandbox>{
        "wants_tolerates",
        BatchValue::texts,
        [](ArrayText& to, const Sandbox& b) {
            to.add_raw(text_array({b.wants.tolerates.begin(), b.wants.tolerates.end()}));
        }},
    BatchColumn<Sandbox>{"wants_accelerator",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add(b.wants.accelerator); }},
    BatchColumn<Sandbox>{"wants_group",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add(b.wants.group); }},
    BatchColumn<Sandbox>{"wants_spread_by",
                         BatchValue::text,
                         [](ArrayText& to, const Sandbox& b) { to.add(b.wants.spread_by); }},
    BatchColumn<Sandbox>{
        "wants_apart",
        BatchValue::flag,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(b.wants.apart ? "t" : "f"); }},
    BatchColumn<Sandbox>{
        "replica_count",
        BatchValue::number,
        [](ArrayText& to, const Sandbox& b) { add_batch_number(to, b.replicas.count); }},
    BatchColumn<Sandbox>{
        "replica_every_seconds",
        BatchValue::number,
        [](ArrayText& to, const Sandbox& b) { add_batch_number(to, b.replicas.every.count()); }},
    BatchColumn<Sandbox>{
        "replica_memory",
        BatchValue::flag,
        [](ArrayText& to, const Sandbox& b) { to.add_raw(b.replicas.memory ? "t" : "f"); }},
};

constexpr std::array all_of_an_operation{
    BatchColumn<Operation>{
        "id", BatchValue::text, [](ArrayText& to, const Operation& o) { to.add(o.id.str()); }},
    BatchColumn<Operation>{"sandbox_id",
                           BatchValue::text,
                           [](ArrayText& to, const Operation& o) { to.add(o.sandbox.str()); }},
    BatchColumn<Operation>{
        "kind", BatchValue::text, [](ArrayText& to, const Operation& o) { to.add(o.kind); }},
    BatchColumn<Operation>{
        "status", BatchValue::text, [](ArrayText& to, const Operation& o) { to.add(o.status); }},
    BatchColumn<Operation>{"request_id",
                           BatchValue::text,
                           [](ArrayText& to, const Operation& o) { to.add(o.request.str()); }},
    BatchColumn<Operation>{
        "generation",
        BatchValue::number,
        [](ArrayText& to, const Operation& o) { add_batch_number(to, o.generation); }},
    BatchColumn<Operation>{
        "created_at",
        BatchValue::moment,
        [](ArrayText& to, const Operation& o) { add_batch_moment(to, o.created_at); }},
    BatchColumn<Operation>{
        "ended_at",
        BatchValue::moment,
        [](ArrayText& to, const Operation& o) { add_batch_moment(to, o.ended_at); }},
    BatchColumn<Operation>{
        "error", BatchValue::text, [](ArrayText& to, const Operation& o) { to.add(o.error); }},
};

/// An upsert by `id` of as many rows as the arrays have elements.
std::string upsert_many(const char* table, const auto& columns)
{
    std::string names;
    std::string values;
    std::string arrays;
    std::string aliases;
    std::string updates;
    std::size_t at = 0;
    for (const auto& column : columns) {
        const auto* const comma = ++at == 1 ? "" : ", ";
        std::string value = column.value;
        value.replace(value.find('$'), 1, fmt::format("r.c{}", at));
        names += comma + std::string{column.name};
        values += comma + value;
        arrays += fmt::format("{}${}::text[]", comma, at);
        aliases += fmt::format("{}c{}", comma, at);
        if (at > 1) {
            updates +=
                fmt::format("{0}{1} = EXCLUDED.{1}", updates.empty() ? "" : ", ", column.name);
        }
    }
    return fmt::format("INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS r({}) ON CONFLICT (id) DO "
                       "UPDATE SET {}",
                       table,
                       names,
                       values,
                       arrays,
                       aliases,
                       updates);
}

template <typename Row>
void write_many(pqxx::transaction_base& sql,
                const char* statement,
                const auto& columns,
                const std::vector<const Row*>& rows)
{
    if (rows.empty()) {
        return;
    }
    std::vector<std::string> arrays;
    arrays.reserve(columns.size());
    for (const auto& column : columns) {
        ArrayText array;
        for (const auto* row : rows) {
            column.add(array, *row);
        }
        arrays.push_back(std::move(array).finish());
    }
    sql.exec_prepared(statement, pqxx::prepare::make_dynamic_params(arrays));
}

} // namespace

void prepare_writing_batches(pqxx::connection& connection)
{
    connection.prepare("sandboxes", upsert_many("sandboxes", all_of_a_sandbox));
    connection.prepare("operations", upsert_many("operations", all_of_an_operation));
}

void RowBatch::write(pqxx::transaction_base& sql) const
{
    write_many(sql, "sandboxes", all_of_a_sandbox, sandboxes_.rows);
    write_many(sql, "operations", all_of_an_operation, operations_.rows);
}

} // namespace coordinator::store
