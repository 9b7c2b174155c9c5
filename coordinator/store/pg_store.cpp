#include "coordinator/store/pg_store.hpp"

#include "coordinator/store/audit_queries.hpp"
#include "coordinator/store/audit_verifier.hpp"
#include "coordinator/store/migrations.hpp"
#include "coordinator/store/paged.hpp"
#include "coordinator/store/pg_keys.hpp"
#include "coordinator/store/reader_pool.hpp"
#include "coordinator/store/row_reading.hpp"
#include "coordinator/store/text.hpp"
#include "coordinator/store/writer.hpp"

#include <algorithm>
#include <atomic>

namespace coordinator::store {

namespace {

template <typename Row>
std::optional<Row> first_of(std::vector<Row> rows)
{
    return rows.empty() ? std::nullopt : std::optional{std::move(rows.front())};
}

common::Result<std::string>
ask_for_role(const StoreSettings& settings, const ConnInfo& info, Watchdog& watchdog)
{
    COMMON_TRY(
        const auto daemon,
        Session::connect(info,
                         {"paddock-start", settings.connect_timeout, settings.statement_timeout},
                         watchdog));
    // Whoever does not know this schema need not stand by.
    COMMON_CHECK(check_known(*daemon, migrations(), settings.statement_timeout));
    return daemon->run(settings.statement_timeout, "ask for our role", [](auto& sql) {
        return std::string{sql.exec1("SELECT current_user")[0].c_str()};
    });
}

common::Result<> prepare_schema(const StoreSettings& settings,
                                const std::string& role,
                                const ConnInfo& owner_info,
                                Watchdog& watchdog)
{
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
    std::atomic<std::uint64_t> epoch{0};
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
    COMMON_TRY(const auto role, ask_for_role(parts->settings, daemon, parts->watchdog));
    // First: whoever only stands by changes nothing under the one that leads.
    COMMON_CHECK(parts->writer.tenure().take());
    COMMON_CHECK(prepare_schema(parts->settings, role, owner, parts->watchdog));
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
    parts_->epoch = snapshot.epoch;
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
        const Paged commands{"commands",
                             "WHERE mode <> 'call' AND sandbox_id = " +
                                 sql.quote(to_column(sandbox.str())),
                             "started_at",
                             "octet_length(stdout) + octet_length(stderr) + octet_length(command)"};
        CommandPage found;
        found.total = count(sql, commands);
        if (page.limit > 0 && page.offset < found.total) {
            found.commands = read_commands(sql, where_fits(sql, commands, page));
        }
        if (!found.commands.empty()) {
            const auto& last = found.commands.back();
            found.next = next_after(sql, commands, last.started_at, last.id.str());
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
            events.push_back(event_of(std::move(chained)));
        }
        return events;
    });
}

common::Result<std::uint64_t> PgStore::audit_head()
{
    return parts_->readers.run("read the audit's head",
                               [](pqxx::nontransaction& sql) { return read_audit_head(sql).seq; });
}

common::Result<AuditPage> PgStore::audit_page(const AuditQuery& query)
{
    return parts_->readers.run("search the audit",
                               [&](pqxx::nontransaction& sql) { return find_audit(sql, query); });
}

common::Result<AuditCounts> PgStore::audit_counts(const AuditSpan& span)
{
    return parts_->readers.run("count the audit",
                               [&](pqxx::nontransaction& sql) { return count_audit(sql, span); });
}

common::Result<PlaybookPage> PgStore::playbooks_of(const std::string& tenant, Page page)
{
    return parts_->readers.run("read playbooks", [&](pqxx::nontransaction& sql) {
        auto found =
            read_by_name<Playbook>(sql, "playbooks", "0", tenant, page, [&](const auto& where) {
                return read_playbooks(sql, where, Tasks::none);
            });
        return PlaybookPage{std::move(found.rows), found.total, std::move(found.next)};
    });
}

common::Result<std::optional<Playbook>> PgStore::playbook(const std::string& tenant,
                                                          const std::string& name)
{
    return parts_->readers.run("read a playbook", [&](pqxx::nontransaction& sql) {
        return first_of(read_playbooks(sql, where_named(sql, tenant, name), Tasks::all));
    });
}

common::Result<TemplatePage> PgStore::templates_of(const std::string& tenant, Page page)
{
    return parts_->readers.run("read templates", [&](pqxx::nontransaction& sql) {
        auto found =
            read_by_name<Template>(sql,
                                   "templates",
                                   "octet_length(fields) + octet_length(description)",
                                   tenant,
                                   page,
                                   [&](const auto& where) { return read_templates(sql, where); });
        return TemplatePage{std::move(found.rows), found.total, std::move(found.next)};
    });
}

common::Result<std::optional<Template>> PgStore::find_template(const std::string& tenant,
                                                               const std::string& name)
{
    return parts_->readers.run("read a template", [&](pqxx::nontransaction& sql) {
        return first_of(read_templates(sql, where_named(sql, tenant, name)));
    });
}

common::Result<PlanPage> PgStore::plans_of(const std::string& tenant, Page page)
{
    return parts_->readers.run(
        "read plans", [&](pqxx::nontransaction& sql) { return read_plan_page(sql, tenant, page); });
}

common::Result<std::optional<Plan>> PgStore::plan(const std::string& tenant,
                                                  const common::PlanId& id)
{
    return parts_->readers.run("read a plan", [&](pqxx::nontransaction& sql) {
        auto found = read_plans(sql,
                                "WHERE tenant = " + sql.quote(to_column(tenant)) +
                                    " AND id = " + sql.quote(to_column(id.str())));
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

std::uint64_t PgStore::epoch() const
{
    return parts_->epoch;
}

StoreFigures PgStore::figures() const
{
    return parts_->writer.figures();
}

common::SteadyTime PgStore::confirmed() const
{
    return parts_->writer.confirmed();
}

common::Result<AuditCheck> PgStore::check_audit(const std::function<bool()>& going)
{
    const std::unique_lock alone{parts_->verifying, std::try_to_lock};
    if (!alone.owns_lock()) {
        return common::Error{common::ErrorCode::rate_limited,
                             "the audit is being verified already: one at a time",
                             "audit_being_verified"};
    }
    COMMON_TRY(const auto session, parts_->readers.fresh());
    return store::check_audit(*session, parts_->settings.statement_timeout, going);
}

common::Result<AuditCheck> PgStore::verify_audit()
{
    return whole(check_audit([] { return true; }));
}

KeyStore& PgStore::keys()
{
    return parts_->keys;
}

void PgStore::stop()
{
    parts_->writer.stop();
}

common::Result<AuditCheck> verify_audit(const StoreSettings& settings)
{
    COMMON_TRY(const auto info, ConnInfo::parse(settings.database_url, "database_url"));
    Watchdog watchdog;
    COMMON_TRY(
        const auto session,
        Session::connect(info,
                         {"paddock-audit", settings.connect_timeout, settings.statement_timeout},
                         watchdog));
    return whole(check_audit(*session, settings.statement_timeout, [] { return true; }));
}

} // namespace coordinator::store
