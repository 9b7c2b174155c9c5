#include "coordinator/store/pg_store.hpp"

#include "coordinator/store/audit_verifier.hpp"
#include "coordinator/store/migrations.hpp"
#include "coordinator/store/pg_keys.hpp"
#include "coordinator/store/reader_pool.hpp"
#include "coordinator/store/row_reading.hpp"
#include "coordinator/store/text.hpp"
#include "coordinator/store/writer.hpp"

#include <algorithm>

namespace coordinator::store {

namespace {

constexpr std::uint32_t most = 1000; // Rows of a page.

common::Result<std::string>
ask_for_role(const StoreSettings& settings, const ConnInfo& info, Watchdog& watchdog)
{
    COMMON_TRY(
        const auto daemon,
        Session::connect(info,
                         {"paddock-start", settings.connect_timeout, settings.statement_timeout},
                         watchdog));
    return daemon->run(settings.statement_timeout, "ask for our role", [](auto& sql) {
        return std::string{sql.exec1("SELECT current_user")[0].c_str()};
    });
}

common::Result<> prepare_schema(const StoreSettings& settings,
                                const ConnInfo& daemon,
                                const ConnInfo& owner_info,
                                Watchdog& watchdog)
{
    COMMON_TRY(const auto role, ask_for_role(settings, daemon, watchdog));
    COMMON_TRY(
        const auto owner,
        Session::connect(owner_info,
                         {"paddock-migrations", settings.connect_timeout, settings.bulk_timeout},
                         watchdog));
    COMMON_CHECK(migrate(*owner, migrations(), settings.bulk_timeout));
    return grant_to_daemon(*owner, role, settings.bulk_timeout);
}

} // namespace

struct PgStore::Parts {
    Parts(StoreSettings given, const ConnInfo& info)
        : settings{std::move(given)},
          readers{settings, info, watchdog},
          writer{settings, std::make_unique<Tenure>(settings, info, watchdog)}
    {}

    const StoreSettings settings;
    Watchdog watchdog;
    ReaderPool readers;
    Writer writer;
    PgKeys keys{writer, readers};
    std::mutex verifying;
    bool loaded = false;
};

PgStore::PgStore(std::unique_ptr<Parts> parts) : parts_{std::move(parts)} {}

PgStore::~PgStore() = default;

common::Result<std::unique_ptr<PgStore>> PgStore::open(StoreSettings settings)
{
    COMMON_TRY(const auto daemon, ConnInfo::parse(settings.database_url, "database_url"));
    COMMON_TRY(const auto owner,
               settings.database_owner_url.empty()
                   ? common::Result<ConnInfo>{daemon}
                   : ConnInfo::parse(settings.database_owner_url, "database_owner_url"));
    auto parts = std::make_unique<Parts>(std::move(settings), daemon);
    COMMON_CHECK(prepare_schema(parts->settings, daemon, owner, parts->watchdog));
    COMMON_CHECK(parts->writer.tenure().take());
    return std::unique_ptr<PgStore>{new PgStore{std::move(parts)}};
}

common::Result<Snapshot> PgStore::load()
{
    if (parts_->loaded) {
        return common::Error{common::ErrorCode::failed_precondition,
                             "the store was loaded already"};
    }
    COMMON_TRY(auto snapshot, parts_->writer.tenure().begin());
    parts_->loaded = true;
    parts_->writer.start();
    return snapshot;
}

void PgStore::write(std::vector<Change> changes, Committed done)
{
    parts_->writer.write(std::move(changes), std::move(done));
}

common::Result<CommandPage> PgStore::commands_of(const common::SandboxId& sandbox, Page page)
{
    return parts_->readers.run("read commands", [&](pqxx::nontransaction& sql) {
        const auto of = "WHERE sandbox_id = " + sql.quote(to_column(sandbox.str()));
        const std::string newest_first = " ORDER BY started_at DESC, id DESC";
        CommandPage found;
        found.total = sql.exec1("SELECT count(*) FROM commands " + of)[0].as<std::uint64_t>();
        if (page.limit > 0 && page.offset < found.total) {
            // Each with what those before it on the page hold; octet_length reads no output.
            found.commands = read_commands(
                sql,
                "WHERE id IN (SELECT id FROM (SELECT id, sum(bytes) OVER (" + newest_first +
                    ") - bytes AS before FROM (SELECT id, started_at, octet_length(stdout) + "
                    "octet_length(stderr) + octet_length(command) AS bytes FROM commands " +
                    of + newest_first + " LIMIT " + std::to_string(std::min(page.limit, most)) +
                    " OFFSET " + std::to_string(page.offset) + ") AS page) AS sized " +
                    "WHERE before < " + std::to_string(page.bytes.count()) + ")" + newest_first);
        }
        return found;
    });
}

common::Result<std::optional<Command>> PgStore::command(const common::SandboxId& sandbox,
                                                        const common::CommandId& id)
{
    return parts_->readers.run(
        "read a command", [&](pqxx::nontransaction& sql) -> std::optional<Command> {
            auto found =
                read_commands(sql,
                              "WHERE id = " + sql.quote(to_column(id.str())) +
                                  " AND sandbox_id = " + sql.quote(to_column(sandbox.str())));
            return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
        });
}

common::Result<std::vector<AuditEvent>> PgStore::audit_after(std::uint64_t seq, std::uint32_t limit)
{
    return parts_->readers.run("read the audit", [&](pqxx::nontransaction& sql) {
        std::vector<AuditEvent> events;
        for (auto& chained : read_audit(sql,
                                        "WHERE seq > " + std::to_string(seq) +
                                            " ORDER BY seq LIMIT " + std::to_string(limit))) {
            events.push_back(
                {chained.seq, common::from_unix_us(chained.at_us), std::move(chained.row)});
        }
        return events;
    });
}

common::Result<std::uint64_t> PgStore::audit_head()
{
    return parts_->readers.run("read the audit's head",
                               [](pqxx::nontransaction& sql) { return read_audit_head(sql).seq; });
}

common::Result<PlaybookPage> PgStore::playbooks_of(const std::string& tenant, Page page)
{
    return parts_->readers.run("read playbooks", [&](pqxx::nontransaction& sql) {
        const auto of = "WHERE tenant = " + sql.quote(to_column(tenant));
        PlaybookPage found;
        found.total = sql.exec1("SELECT count(*) FROM playbooks " + of)[0].as<std::uint64_t>();
        if (page.limit > 0 && page.offset < found.total) {
            found.playbooks = read_playbooks(sql,
                                             of + " ORDER BY name COLLATE \"C\" LIMIT " +
                                                 std::to_string(std::min(page.limit, most)) +
                                                 " OFFSET " + std::to_string(page.offset),
                                             Tasks::none);
        }
        return found;
    });
}

common::Result<std::optional<Playbook>> PgStore::playbook(const std::string& tenant,
                                                          const std::string& name)
{
    return parts_->readers.run("read a playbook", [&](pqxx::nontransaction& sql) {
        auto found = read_playbooks(sql,
                                    "WHERE tenant = " + sql.quote(to_column(tenant)) +
                                        " AND name = " + sql.quote(to_column(name)),
                                    Tasks::all);
        return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
    });
}

common::Result<> PgStore::check()
{
    return parts_->readers.run("check", [](auto& sql) { sql.exec("SELECT 1"); });
}

common::Result<> PgStore::lease()
{
    return parts_->writer.state();
}

common::Result<Store::AuditCheck> PgStore::verify_audit()
{
    const std::unique_lock alone{parts_->verifying, std::try_to_lock};
    if (!alone.owns_lock()) {
        return common::Error{common::ErrorCode::rate_limited,
                             "the audit is being verified already"};
    }
    COMMON_TRY(const auto session, parts_->readers.fresh());
    return store::verify_audit(*session, parts_->settings.statement_timeout);
}

KeyStore& PgStore::keys()
{
    return parts_->keys;
}

void PgStore::stop()
{
    parts_->writer.stop();
}

common::Result<Store::AuditCheck> verify_audit(const StoreSettings& settings)
{
    COMMON_TRY(const auto info, ConnInfo::parse(settings.database_url, "database_url"));
    Watchdog watchdog;
    COMMON_TRY(
        const auto session,
        Session::connect(info,
                         {"paddock-audit", settings.connect_timeout, settings.statement_timeout},
                         watchdog));
    return verify_audit(*session, settings.statement_timeout);
}

} // namespace coordinator::store
