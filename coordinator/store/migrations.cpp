#include "coordinator/store/migrations.hpp"

#include "common/digest/digest.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace coordinator::store {

namespace {

/// Advisory locks are numbers, one space for each database: "paddockm" in ASCII.
constexpr const char* lock_sql = "SELECT pg_advisory_lock(8097863987517156205)";
constexpr const char* unlock_sql = "SELECT pg_advisory_unlock(8097863987517156205)";

constexpr const char* ledger_sql = R"(
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
))";

struct Applied {
    std::string name;
    std::string sha256;
};
using Ledger = std::map<int, Applied>;

std::string digest_of(const Migration& migration)
{
    return common::digest::to_hex(common::digest::of(migration.sql));
}

common::Error precondition(std::string message)
{
    return {common::ErrorCode::failed_precondition, std::move(message), "schema_mismatch"};
}

Ledger read_ledger(pqxx::nontransaction& sql)
{
    Ledger ledger;
    for (const auto& row : sql.exec("SELECT version, name, sha256 FROM schema_migrations")) {
        ledger[row[0].as<int>()] = {row[1].c_str(), row[2].c_str()};
    }
    return ledger;
}

common::Result<> compare(const Ledger& ledger, std::span<const Migration> known)
{
    for (const auto& [version, applied] : ledger) {
        const auto at = std::find_if(known.begin(), known.end(), [v = version](const Migration& m) {
            return m.version == v;
        });
        if (at == known.end()) {
            return precondition(
                fmt::format("the database has migration {} ({}), which this version of "
                            "paddock-coordinator does not know: install the newer version again",
                            version,
                            applied.name));
        }
        if (applied.sha256 != digest_of(*at)) {
            return precondition(
                fmt::format("migration {} was applied as {} with SHA-256 {}, but this version of "
                            "paddock-coordinator has {} with {}: an applied migration never "
                            "changes; install the version that made this database, or a newer one",
                            version,
                            applied.name,
                            applied.sha256,
                            at->name,
                            digest_of(*at)));
        }
    }
    return {};
}

void apply(pqxx::nontransaction& sql, const Migration& migration)
{
    sql.exec("BEGIN");
    sql.exec(std::string{migration.sql});
    sql.exec(fmt::format("INSERT INTO schema_migrations (version, name, sha256) "
                         "VALUES ({}, '{}', '{}')",
                         migration.version,
                         migration.name,
                         digest_of(migration)));
    sql.exec("COMMIT");
}

common::Result<>
migrate_locked(Session& owner, std::span<const Migration> known, std::chrono::milliseconds patience)
{
    COMMON_TRY(const auto ledger,
               owner.run(patience, "read schema_migrations", [](pqxx::nontransaction& sql) {
                   // Asked first: CREATE … IF NOT EXISTS wants the right to create even then.
                   if (sql.exec1("SELECT to_regclass('schema_migrations') IS NULL")[0].as<bool>()) {
                       sql.exec(ledger_sql);
                   }
                   return read_ledger(sql);
               }));
    COMMON_CHECK(compare(ledger, known));
    for (const auto& migration : known) {
        if (ledger.contains(migration.version)) {
            continue;
        }
        auto applied = owner.run(patience, "apply", [&](auto& sql) { apply(sql, migration); });
        if (!applied) {
            return std::move(applied).error().during("migration " + std::string{migration.name});
        }
    }
    return {};
}

} // namespace

common::Result<>
migrate(Session& owner, std::span<const Migration> known, std::chrono::milliseconds patience)
{
    COMMON_CHECK(owner.run(patience, "wait for another coordinator's migration", [](auto& sql) {
        sql.exec(lock_sql);
    }));
    auto result = migrate_locked(owner, known, patience);
    // A failure within a migration leaves its transaction open; so does nothing else.
    auto ended = owner.run(patience, "end the migration", [](auto& sql) {
        sql.exec("ROLLBACK");
        sql.exec(unlock_sql);
    });
    return result ? std::move(ended) : std::move(result);
}

common::Result<>
check_known(Session& session, std::span<const Migration> known, std::chrono::milliseconds patience)
{
    COMMON_TRY(const auto ledger,
               session.run(patience, "read schema_migrations", [](pqxx::nontransaction& sql) {
                   const auto readable =
                       sql.exec1("SELECT coalesce(has_table_privilege(to_regclass("
                                 "'schema_migrations'), 'SELECT'), false)");
                   return readable[0].as<bool>() ? read_ledger(sql) : Ledger{};
               }));
    return compare(ledger, known);
}

common::Result<>
grant_to_daemon(Session& owner, const std::string& role, std::chrono::milliseconds patience)
{
    return owner.run(patience, "grant rights to the daemon's role", [&](auto& sql) {
        if (sql.exec1("SELECT current_user")[0].c_str() == role) {
            return;
        }
        const auto name = owner.connection().quote_name(role);
        sql.exec(std::string{"BEGIN; "} + lock_sql);
        sql.exec(fmt::format(
            "REVOKE ALL ON leader, sandboxes, checkpoints, replicas, pools, playbooks, "
            "playbook_tasks, "
            "plans, plan_steps, templates, commands, hosts, host_images, registered_images, "
            "operations, audit, request_keys, "
            "schema_migrations FROM PUBLIC, {0};"
            "GRANT SELECT, INSERT, UPDATE ON leader, sandboxes, checkpoints, pools, commands, "
            "hosts, registered_images, operations TO {0};"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON host_images, replicas, playbooks, "
            "playbook_tasks, "
            "plans, plan_steps, templates, request_keys TO {0};"
            "GRANT SELECT, INSERT ON audit TO {0};"
            "GRANT SELECT ON schema_migrations TO {0};"
            "GRANT USAGE ON SCHEMA public TO {0}",
            name));
        sql.exec("COMMIT");
        sql.exec(unlock_sql);
    });
}

} // namespace coordinator::store
