#include "coordinator/store/fields.hpp"
#include "coordinator/store/row_reading.hpp"
#include "coordinator/store/row_writing.hpp"

namespace coordinator::store {

void prepare_writing_images(pqxx::connection& connection)
{
    connection.prepare(
        "registered_image",
        "INSERT INTO registered_images (id, tenant, name, status, disk_digest, "
        "disk_bytes, kernel_digest, kernel_bytes, initrd_digest, initrd_bytes, "
        "cmdline, boot, agent, vcpus, memory_bytes, created_at, deleted_at, prefetch) "
        "VALUES "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
        "nullif($17, '')::timestamptz, $18) ON CONFLICT (id) DO UPDATE SET status = "
        "EXCLUDED.status, deleted_at = "
        "EXCLUDED.deleted_at");
}

void write_row(pqxx::transaction_base& sql, const RegisteredImage& row)
{
    sql.exec_prepared("registered_image",
                      to_column(row.id.str()),
                      to_column(row.tenant),
                      to_column(row.name.str()),
                      std::string{to_string(row.status)},
                      to_column(row.disk.digest),
                      row.disk.size.count(),
                      to_column(row.kernel.digest),
                      row.kernel.size.count(),
                      to_column(row.initrd.digest),
                      row.initrd.size.count(),
                      to_column(row.cmdline),
                      to_column(row.boot),
                      to_column(row.agent),
                      row.vcpus,
                      row.memory.count(),
                      common::to_rfc3339(row.created_at),
                      row.deleted_at ? common::to_rfc3339(*row.deleted_at) : "",
                      to_column(to_string(row.prefetch)));
}

std::vector<RegisteredImage> read_registered_images(pqxx::transaction_base& sql,
                                                    const std::string& where)
{
    // Filled in the order of the SELECT.
    const auto columns = "id, tenant, name, status, disk_digest, disk_bytes, kernel_digest, "
                         "kernel_bytes, initrd_digest, initrd_bytes, cmdline, boot, agent, vcpus, "
                         "memory_bytes, " +
                         us_of("created_at") + ", " + us_of("deleted_at") + ", prefetch";
    return read<RegisteredImage>(sql, columns, "registered_images " + where, [](Fields& in) {
        RegisteredImage row;
        row.id = common::ImageId{in.text()};
        row.tenant = in.text();
        row.name = common::ImageName{in.text()};
        row.status = in.word(registration_status_from);
        for (auto* blob : {&row.disk, &row.kernel, &row.initrd}) {
            blob->digest = in.text();
            blob->size = in.size();
        }
        row.cmdline = in.text();
        row.boot = in.text();
        row.agent = in.text();
        row.vcpus = in.number<unsigned>();
        row.memory = in.size();
        row.created_at = in.time();
        row.deleted_at = in.maybe_time();
        row.prefetch = in.word(prefetch_from);
        return row;
    });
}

} // namespace coordinator::store
