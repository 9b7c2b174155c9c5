#include "coordinator/store/row_batch.hpp"
#include "coordinator/store/row_writing.hpp"

#include <fmt/format.h>
#include <initializer_list>

namespace coordinator::store {

namespace {

/// A column and how its parameter becomes a value ("$" stands for it).
struct Column {
    const char* name;
    const char* value = "$";
};
constexpr const char* as_map = "jsonb_object($::text[])";

/// An upsert by the first `keys` columns.
std::string upsert(const char* table, std::size_t keys, std::initializer_list<Column> columns)
{
    std::string names;
    std::string values;
    std::string key;
    std::string updates;
    std::size_t number = 0;
    for (const auto& column : columns) {
        const auto comma = ++number == 1 ? "" : ", ";
        std::string value = column.value;
        value.replace(value.find('$'), 1, "$" + std::to_string(number));
        names += comma + std::string{column.name};
        values += comma + value;
        if (number <= keys) {
            key += comma + std::string{column.name};
        } else {
            updates +=
                fmt::format("{0}{1} = EXCLUDED.{1}", updates.empty() ? "" : ", ", column.name);
        }
    }
    return fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
                       table,
                       names,
                       values,
                       key,
                       updates);
}

constexpr const char* append_audit_sql =
    "INSERT INTO audit (seq, at, kind, action, actor, tenant, request_id, operation_id, host, "
    "target, result, detail, prev_hash, hash, payload) SELECT * FROM unnest($1::bigint[], "
    "$2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], "
    "$9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bytea[], $15::bytea[])";

} // namespace

void prepare_writing(pqxx::connection& connection)
{
    prepare_writing_batches(connection);
    connection.prepare(
        "checkpoint",
        upsert("checkpoints",
               1,
               {{"id"},           {"sandbox_id"}, {"tenant"},     {"host"},
                {"name"},         {"parent_id"},  {"status"},     {"hidden"},
                {"has_memory"},   {"frozen"},     {"engine"},     {"libvirt_version"},
                {"qemu_version"}, {"size_bytes"}, {"paused_us"},  {"digests", as_map},
                {"path"},         {"created_at"}, {"deleted_at"}, {"error"}}));
    connection.prepare("pool",
                       upsert("pools",
                              1,
                              {{"name"},
                               {"image"},
                               {"vcpus"},
                               {"memory_bytes"},
                               {"network_mode"},
                               {"min_ready"},
                               {"max_ready"},
                               {"max_age_seconds"},
                               {"created_at"},
                               {"deleted_at"},
                               {"tenant"}}));
    connection.prepare("command",
                       upsert("commands",
                              1,
                              {{"id"},
                               {"sandbox_id"},
                               {"operation_id"},
                               {"command"},
                               {"username"},
                               {"cwd"},
                               {"env", as_map},
                               {"stdout"},
                               {"stderr"},
                               {"exit_code"},
                               {"truncated"},
                               {"timed_out"},
                               {"status"},
                               {"started_at"},
                               {"ended_at"},
                               {"timings_us", as_map},
                               {"mode"}}));
    connection.prepare("host",
                       upsert("hosts",
                              1,
                              {{"name"},
                               {"health"},
                               {"cordoned"},
                               {"drain_since"},
                               {"drain_until"},
                               {"evacuate_since"},
                               {"evacuate_powered_off"},
                               {"labels", as_map},
                               {"taints", as_map},
                               {"hostname"},
                               {"arch"},
                               {"kernel"},
                               {"cpu_model"},
                               {"libvirt_version"},
                               {"qemu_version"},
                               {"hostd_version"},
                               {"accel"},
                               {"accel_reason"},
                               {"state_engine"},
                               {"state_engine_reason"},
                               {"network_cidr"},
                               {"cores"},
                               {"memory_bytes"},
                               {"memory_available_bytes"},
                               {"capacity_vcpus"},
                               {"capacity_memory_bytes"},
                               {"overhead_bytes"},
                               {"disk_bytes"},
                               {"disk_free_bytes"},
                               {"load1"},
                               {"fence_after_ms"},
                               {"fence_action"},
                               {"warnings"},
                               {"used_vcpus"},
                               {"used_memory_bytes"},
                               {"sandboxes"},
                               {"last_seen"},
                               {"first_seen"}}));
    connection.prepare("forget_host_images", "DELETE FROM host_images WHERE host = $1");
    connection.prepare("host_image",
                       upsert("host_images",
                              2,
                              {{"host"},
                               {"name"},
                               {"digest"},
                               {"size_bytes"},
                               {"virtual_size_bytes"},
                               {"boot"},
                               {"agent"},
                               {"default_vcpus"},
                               {"default_memory_bytes"},
                               {"registered_at"},
                               {"tenant"},
                               {"from_snapshot"},
                               {"registration"},
                               {"from_vm"}}));
    prepare_writing_playbooks(connection);
    prepare_writing_plans(connection);
    prepare_writing_templates(connection);
    prepare_writing_images(connection);
    prepare_writing_replicas(connection);
    connection.prepare("audit", append_audit_sql);
    prepare_writing_keys(connection);
}

} // namespace coordinator::store
