#include "coordinator/store/audit_chain.hpp"
#include "coordinator/store/database_backup.hpp"
#include "coordinator/store/database_tools.hpp"
#include "coordinator/store/lease_watch.hpp"
#include "coordinator/store/migrations.hpp"
#include "coordinator/store/text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator::store {

namespace {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::process::Child;

/// As a literal, where standard_conforming_strings is on.
std::string literal(std::string_view text)
{
    std::string out = "'";
    for (const char c : to_column(text)) {
        out += c;
        if (c == '\'') {
            out += c;
        }
    }
    return out + "'";
}

std::string literal(const common::digest::Sha256& hash)
{
    return "'" + bytea_text({reinterpret_cast<const char*>(hash.data()), hash.size()}) + "'";
}

/// Whoever would lead waits for its end.
std::string opening(DatabaseRestore::IfFull if_full)
{
    auto sql = fmt::format("BEGIN;\n"
                           "DO $$ BEGIN IF NOT pg_try_advisory_xact_lock({}) THEN RAISE EXCEPTION "
                           "'a coordinator leads on this database: stop it'; END IF; END $$;\n",
                           lease_key);
    if (if_full == DatabaseRestore::IfFull::replace) {
        sql += "DO $$ DECLARE name text; BEGIN FOR name IN SELECT c.oid::regclass FROM pg_class c "
               "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP "
               "EXECUTE 'DROP TABLE ' || name || ' CASCADE'; END LOOP; END $$;\n"
               "DROP FUNCTION IF EXISTS public.audit_is_append_only();\n";
    }
    return sql;
}

struct Ending {
    std::string sql;
    DatabaseRestored restored;
};

/// Hosts believe the latest epoch that they have heard of, and nobody knows which one that is:
/// since the backup others may have led. Each epoch began with a start of a coordinator, so that
/// the milliseconds since 1970 are beyond them all, and beyond those of an earlier restore.
Result<Ending> ending(const DatabaseRestore& what, common::WallTime now)
{
    const auto& facts = what.facts;
    const auto hash = common::digest::sha256_from_hex(facts.audit_head);
    if (!hash) {
        return Error{ErrorCode::invalid_argument, "the manifest's audit_head is no SHA-256"};
    }
    const auto now_us = common::to_unix_us(now);
    const auto epoch = std::max(facts.epoch + 1, static_cast<std::uint64_t>(now_us / 1000));
    ChainHead head{facts.audit_rows, *hash};
    const auto row = chain_audit({AuditRow::Kind::outcome,
                                  "coordinator.restore",
                                  {"system:restore", "", common::mint<common::RequestId>()},
                                  {},
                                  "",
                                  what.backup,
                                  "ok",
                                  fmt::format(R"({{"made_at":"{}","epoch":"{}"}})",
                                              common::to_rfc3339(what.made_at),
                                              epoch)},
                                 std::max(facts.audit_at_us, now_us),
                                 head);
    auto sql = fmt::format(
        "SET search_path = public;\nSET standard_conforming_strings = on;\n"
        "DO $$ BEGIN IF (SELECT max(version) FROM schema_migrations) IS DISTINCT FROM {} OR "
        "(SELECT count(*) FROM audit) <> {} OR coalesce((SELECT encode(hash, 'hex') FROM audit "
        "ORDER BY seq DESC LIMIT 1), '{:064}') <> '{}' THEN RAISE EXCEPTION 'the dump does not "
        "hold "
        "what the manifest says'; END IF; END $$;\n"
        "UPDATE leader SET deposed_at = now() WHERE deposed_at IS NULL;\n",
        facts.schema_version,
        facts.audit_rows,
        0,
        facts.audit_head);
    sql += fmt::format(
        "INSERT INTO audit (seq, at, kind, action, actor, tenant, request_id, operation_id, host, "
        "target, result, detail, prev_hash, hash, payload) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, "
        "{}, {}, {}, {}, {}, {}, '{}');\n",
        row.seq,
        literal(common::to_rfc3339(common::from_unix_us(row.at_us))),
        literal(to_string(row.row.kind)),
        literal(row.row.action),
        literal(row.row.caller.actor),
        literal(row.row.caller.tenant),
        literal(row.row.caller.request.str()),
        literal(row.row.operation.str()),
        literal(row.row.host),
        literal(row.row.target),
        literal(row.row.result),
        literal(row.row.detail),
        literal(row.prev_hash),
        literal(row.hash),
        bytea_text(row.payload));
    sql += fmt::format("INSERT INTO leader (epoch, deposed_at, audit_seq, audit_hash) VALUES ({}, "
                       "now(), {}, {});\nCOMMIT;\n",
                       epoch,
                       row.seq,
                       literal(row.hash));
    return Ending{std::move(sql), {epoch, row.seq}};
}

Result<> check_free(OwnerSession& owner, const StoreSettings& settings)
{
    COMMON_TRY(const auto is_free,
               owner.session().run(settings.statement_timeout, "ask for the lease", [](auto& sql) {
                   const std::string key{lease_key};
                   const auto got =
                       sql.exec1("SELECT pg_try_advisory_lock(" + key + ")")[0].template as<bool>();
                   if (got) {
                       sql.exec("SELECT pg_advisory_unlock(" + key + ")");
                   }
                   return got;
               }));
    if (!is_free) {
        return Error{ErrorCode::failed_precondition,
                     "a coordinator leads on this database, or another restore is under way (" +
                         owner.info().describe() + "): stop it",
                     "lease_held"};
    }
    return {};
}

} // namespace

Result<> check_restore(const StoreSettings& settings, const DatabaseRestore& what)
{
    const auto known = migrations().back().version;
    if (what.facts.schema_version > known) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("the backup has schema {}, and this version of "
                                 "paddock-coordinator knows {} at most: install a newer one",
                                 what.facts.schema_version,
                                 known),
                     "schema_mismatch"};
    }
    COMMON_TRY(const auto owner, OwnerSession::connect(settings, "paddock-restore"));
    COMMON_CHECK(check_free(*owner, settings));
    COMMON_TRY(const auto relations,
               owner->session().run(settings.statement_timeout, "look at it", [](auto& sql) {
                   return sql
                       .exec1("SELECT count(*) FROM pg_class WHERE relnamespace = "
                              "'public'::regnamespace")[0]
                       .template as<int>();
               }));
    if (relations == 0) {
        return {};
    }
    const auto where = "the database (" + owner->info().describe() + ") ";
    if (what.if_full == DatabaseRestore::IfFull::refuse) {
        return Error{ErrorCode::already_exists,
                     where + "is not empty: name another one, or say --replace, and all that it "
                             "holds is gone"};
    }
    // Nothing but a database of ours is ever replaced, and none that is newer than this program.
    COMMON_CHECK(owner->check_is_ours());
    return check_known(owner->session(), migrations(), settings.statement_timeout);
}

Result<DatabaseRestored>
restore_database(const StoreSettings& settings, const DatabaseRestore& what, common::WallTime now)
{
    COMMON_TRY(const auto owner, OwnerSession::connect(settings, "paddock-restore"));
    COMMON_TRY(const auto last, ending(what, now));
    // No word of a row's values in what it complains about.
    COMMON_TRY(auto program,
               owner->tool({"psql",
                            "--no-psqlrc",
                            "--quiet",
                            "--set=ON_ERROR_STOP=1",
                            "--set=VERBOSITY=terse",
                            "--set=SHOW_CONTEXT=never",
                            "--file=-"}));
    const auto command = program.command;
    COMMON_TRY(const auto sql, Child::start(std::move(program)));
    COMMON_CHECK(sql->feed(opening(what.if_full)));
    Child::Program dump;
    dump.command.argv = {
        "pg_restore", "--no-owner", "--no-privileges", "--file=-", what.dump.string()};
    dump.command.timeout = command.timeout;
    dump.on_output = [&sql](std::string_view piece) -> Result<> {
        COMMON_CHECK(sql->feed(piece));
        return sql->reads() ? Result<>{} : Error{ErrorCode::internal, "psql has ended"};
    };
    if (auto read = run_tool(std::move(dump), *owner); !read) {
        if (sql->reads()) {
            return std::move(read).error(); // Without a COMMIT.
        }
    } else {
        COMMON_CHECK(sql->feed(last.sql));
    }
    COMMON_CHECK(finish_tool(*sql, command, *owner));
    return last.restored;
}

} // namespace coordinator::store
