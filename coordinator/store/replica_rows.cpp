#include "coordinator/store/fields.hpp"
#include "coordinator/store/row_reading.hpp"
#include "coordinator/store/row_writing.hpp"

namespace coordinator::store {

void prepare_writing_replicas(pqxx::connection& connection)
{
    connection.prepare("replica",
                       "INSERT INTO replicas (snapshot_id, host, sandbox_id, tenant, name, "
                       "parent_id, hidden, has_memory, frozen, engine, libvirt_version, "
                       "qemu_version, size_bytes, digests, path, created_at, generation, dropping) "
                       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
                       "jsonb_object($14::text[]), $15, $16, $17, $18) ON CONFLICT (snapshot_id, "
                       "host) DO UPDATE SET dropping = EXCLUDED.dropping");
    connection.prepare("forget_replica",
                       "DELETE FROM replicas WHERE snapshot_id = $1 AND host = $2");
}

void write_row(pqxx::transaction_base& sql, const Replica& row)
{
    const auto& copy = row.copy;
    sql.exec_prepared("replica",
                      to_column(copy.id.str()),
                      to_column(copy.host.str()),
                      to_column(copy.sandbox.str()),
                      to_column(copy.tenant),
                      to_column(copy.name),
                      to_column(copy.parent.str()),
                      copy.hidden,
                      copy.has_memory,
                      copy.frozen,
                      to_column(copy.engine),
                      to_column(copy.libvirt_version),
                      to_column(copy.qemu_version),
                      copy.size.count(),
                      pairs_array(copy.digests),
                      to_column(copy.path),
                      common::to_rfc3339(copy.created_at),
                      row.generation,
                      row.dropping);
}

void write_row(pqxx::transaction_base& sql, const ReplicaRemoval& removal)
{
    sql.exec_prepared("forget_replica", to_column(removal.id.str()), to_column(removal.host.str()));
}

std::vector<Replica> read_replicas(pqxx::transaction_base& sql)
{
    // Filled in the order of the SELECT.
    const auto columns = "snapshot_id, host, sandbox_id, tenant, name, parent_id, hidden, "
                         "has_memory, frozen, engine, libvirt_version, qemu_version, size_bytes, " +
                         pairs_of("digests") + ", path, " + us_of("created_at") +
                         ", generation, dropping";
    return read<Replica>(sql, columns, "replicas ORDER BY created_at, snapshot_id", [](Fields& in) {
        Replica row;
        auto& copy = row.copy;
        copy.id = common::SnapshotId{in.text()};
        copy.host = common::HostName{in.text()};
        copy.sandbox = common::SandboxId{in.text()};
        copy.tenant = in.text();
        copy.name = in.text();
        copy.parent = common::SnapshotId{in.text()};
        copy.hidden = in.number<bool>();
        copy.has_memory = in.number<bool>();
        copy.frozen = in.number<bool>();
        copy.engine = in.text();
        copy.libvirt_version = in.text();
        copy.qemu_version = in.text();
        copy.size = in.size();
        copy.digests = in.map();
        copy.path = in.text();
        copy.created_at = in.time();
        copy.status = Checkpoint::Status::ready;
        row.generation = in.number<std::uint64_t>();
        row.dropping = in.number<bool>();
        return row;
    });
}

} // namespace coordinator::store
