#include "coordinator/store/fields.hpp"
#include "coordinator/store/row_writing.hpp"

namespace coordinator::store {

void prepare_writing_templates(pqxx::connection& connection)
{
    connection.prepare("new_template",
                       "INSERT INTO templates (id, tenant, name, description, fields, created_at, "
                       "updated_at, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, 1) "
                       "ON CONFLICT DO NOTHING");
    connection.prepare("changed_template",
                       "UPDATE templates SET description = $2, fields = $3, updated_at = $4, "
                       "revision = $5 WHERE id = $1 AND revision = $5::bigint - 1");
    connection.prepare("removed_template", "DELETE FROM templates WHERE id = $1 AND revision = $2");
}

void write_row(pqxx::transaction_base& sql, const Template& row)
{
    const auto id = to_column(row.id.str());
    const auto done = row.revision == 1 ? sql.exec_prepared("new_template",
                                                            id,
                                                            to_column(row.tenant),
                                                            to_column(row.name),
                                                            to_column(row.description),
                                                            to_column(row.fields),
                                                            common::to_rfc3339(row.created_at),
                                                            common::to_rfc3339(row.updated_at))
                                        : sql.exec_prepared("changed_template",
                                                            id,
                                                            to_column(row.description),
                                                            to_column(row.fields),
                                                            common::to_rfc3339(row.updated_at),
                                                            row.revision);
    check_fresh(done, "template " + row.id.str());
}

void write_row(pqxx::transaction_base& sql, const TemplateRemoval& removal)
{
    check_fresh(
        sql.exec_prepared("removed_template", to_column(removal.id.str()), removal.revision),
        "template " + removal.id.str());
}

std::vector<Template> read_templates(pqxx::transaction_base& sql, const std::string& where)
{
    // Filled in the order of the SELECT.
    const auto columns = "id, tenant, name, description, fields, " + us_of("created_at") + ", " +
                         us_of("updated_at") + ", revision";
    return read<Template>(sql, columns, "templates " + where, [](Fields& in) {
        Template row;
        row.id = common::TemplateId{in.text()};
        row.tenant = in.text();
        row.name = in.text();
        row.description = in.text();
        row.fields = in.text();
        row.created_at = in.time();
        row.updated_at = in.time();
        row.revision = in.number<std::uint64_t>();
        return row;
    });
}

} // namespace coordinator::store
