// Playbooks, and with each the rows of its tasks.
#include "coordinator/store/fields.hpp"
#include "coordinator/store/row_writing.hpp"

namespace coordinator::store {

namespace {

std::string stamp(common::WallTime time)
{
    return common::to_rfc3339(time);
}

void write_tasks(pqxx::transaction_base& sql, const Playbook& playbook)
{
    ArrayText ids;
    ArrayText names;
    ArrayText modules;
    ArrayText params;
    ArrayText times;
    for (const auto& task : playbook.tasks) {
        ids.add(task.id.str());
        names.add(task.name);
        modules.add(task.module);
        params.add(task.params);
        times.add_raw(stamp(task.created_at));
    }
    sql.exec_prepared("playbook_tasks",
                      to_column(playbook.id.str()),
                      std::move(ids).finish(),
                      std::move(names).finish(),
                      std::move(modules).finish(),
                      std::move(params).finish(),
                      std::move(times).finish());
}

// The members are filled in the order of the SELECT beside each of these.

const std::string playbook_columns = "id, tenant, name, hosts, become, " + us_of("created_at") +
                                     ", " + us_of("updated_at") + ", revision";
Playbook playbook_from(Fields& in)
{
    Playbook playbook;
    playbook.id = common::PlaybookId{in.text()};
    playbook.tenant = in.text();
    playbook.name = in.text();
    playbook.hosts = in.text();
    playbook.become = in.number<bool>();
    playbook.created_at = in.time();
    playbook.updated_at = in.time();
    playbook.revision = in.number<std::uint64_t>();
    return playbook;
}

/// Of all tasks of the row's playbook, in their order.
std::string all_of(const std::string& column)
{
    return ", ARRAY(SELECT " + column +
           " FROM playbook_tasks WHERE playbook_id = playbooks.id ORDER BY position)";
}
const std::string task_columns = all_of("id") + all_of("name") + all_of("module") +
                                 all_of("params") + all_of(us_of("created_at"));
void read_tasks(Fields& in, Playbook& playbook)
{
    const auto ids = in.list();
    const auto names = in.list();
    const auto modules = in.list();
    const auto params = in.list();
    const auto times = in.list();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        playbook.tasks.push_back({common::TaskId{ids[i]},
                                  names.at(i),
                                  modules.at(i),
                                  params.at(i),
                                  common::from_unix_us(std::stoll(times.at(i)))});
    }
}

} // namespace

void prepare_writing_playbooks(pqxx::connection& connection)
{
    connection.prepare("new_playbook",
                       "INSERT INTO playbooks (id, tenant, name, hosts, become, created_at, "
                       "updated_at, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, 1) "
                       "ON CONFLICT DO NOTHING");
    connection.prepare("changed_playbook",
                       "UPDATE playbooks SET hosts = $2, become = $3, updated_at = $4, "
                       "revision = $5 WHERE id = $1 AND revision = $5::bigint - 1");
    connection.prepare("removed_playbook", "DELETE FROM playbooks WHERE id = $1 AND revision = $2");
    connection.prepare("forget_playbook_tasks",
                       "DELETE FROM playbook_tasks WHERE playbook_id = $1");
    connection.prepare(
        "playbook_tasks",
        "INSERT INTO playbook_tasks (playbook_id, position, id, name, module, params, created_at) "
        "SELECT $1::text, place - 1, id, name, module, params, created_at FROM unnest($2::text[], "
        "$3::text[], $4::text[], $5::text[], $6::timestamptz[]) WITH ORDINALITY "
        "AS given (id, name, module, params, created_at, place)");
}

void write_row(pqxx::transaction_base& sql, const Playbook& playbook)
{
    const auto id = to_column(playbook.id.str());
    const bool first = playbook.revision == 1;
    const auto done = first ? sql.exec_prepared("new_playbook",
                                                id,
                                                to_column(playbook.tenant),
                                                to_column(playbook.name),
                                                to_column(playbook.hosts),
                                                playbook.become,
                                                stamp(playbook.created_at),
                                                stamp(playbook.updated_at))
                            : sql.exec_prepared("changed_playbook",
                                                id,
                                                to_column(playbook.hosts),
                                                playbook.become,
                                                stamp(playbook.updated_at),
                                                playbook.revision);
    check_fresh(done, "playbook " + playbook.id.str());
    if (!first) {
        sql.exec_prepared("forget_playbook_tasks", id);
    }
    write_tasks(sql, playbook);
}

void write_row(pqxx::transaction_base& sql, const PlaybookRemoval& removal)
{
    check_fresh(
        sql.exec_prepared("removed_playbook", to_column(removal.id.str()), removal.revision),
        "playbook " + removal.id.str());
}

std::vector<Playbook>
read_playbooks(pqxx::transaction_base& sql, const std::string& where, Tasks tasks)
{
    const bool all = tasks == Tasks::all;
    return read<Playbook>(
        sql, playbook_columns + (all ? task_columns : ""), "playbooks " + where, [all](Fields& in) {
            auto playbook = playbook_from(in);
            if (all) {
                read_tasks(in, playbook);
            }
            return playbook;
        });
}

} // namespace coordinator::store
