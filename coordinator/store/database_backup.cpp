#include "coordinator/store/database_backup.hpp"

#include "common/process/child.hpp"
#include "coordinator/store/database_tools.hpp"
#include "coordinator/store/migrations.hpp"
#include "coordinator/store/row_reading.hpp"

#include <fmt/format.h>

namespace coordinator::store {

namespace {

bool has_table(pqxx::nontransaction& sql, const std::string& name)
{
    return sql.exec1("SELECT to_regclass(" + sql.quote(name) + ") IS NOT NULL")[0].as<bool>();
}

/// Of a table that an older schema lacks, none.
std::uint64_t
count_of(pqxx::nontransaction& sql, const std::string& table, const std::string& where = "")
{
    return has_table(sql, table)
               ? sql.exec1(fmt::format("SELECT count(*) FROM {} {}", table, where))[0]
                     .as<std::uint64_t>()
               : 0;
}

DatabaseFacts read_facts(pqxx::nontransaction& sql)
{
    DatabaseFacts facts;
    const auto row = sql.exec1("SELECT (SELECT max(version) FROM schema_migrations), "
                               "current_setting('server_version'), "
                               "coalesce((SELECT max(epoch) FROM leader), 0), "
                               "coalesce((SELECT (extract(epoch FROM at) * 1000000)::bigint FROM "
                               "audit ORDER BY seq DESC LIMIT 1), 0)");
    facts.schema_version = row[0].as<int>();
    facts.server_version = row[1].c_str();
    facts.epoch = row[2].as<std::uint64_t>();
    facts.audit_at_us = row[3].as<std::int64_t>();
    const auto head = read_audit_head(sql);
    facts.audit_rows = head.seq;
    facts.audit_head = common::digest::to_hex(head.hash);
    facts.sandboxes = count_of(sql, "sandboxes", "WHERE deleted_at IS NULL");
    facts.checkpoints = count_of(sql, "checkpoints", "WHERE status <> 'deleted'");
    facts.hosts = count_of(sql, "hosts");
    return facts;
}

std::vector<ImageFacts> read_images(pqxx::nontransaction& sql)
{
    std::vector<ImageFacts> images;
    if (has_table(sql, "registered_images")) {
        for (const auto& row : sql.exec("SELECT name, tenant, disk_digest, disk_bytes, "
                                        "kernel_digest, kernel_bytes, initrd_digest, initrd_bytes "
                                        "FROM registered_images WHERE deleted_at IS NULL "
                                        "ORDER BY name")) {
            ImageFacts image{row[0].c_str(), row[1].c_str(), {}, {}};
            for (const pqxx::row::size_type column : {2U, 4U, 6U}) {
                if (std::string digest = row[column].c_str(); !digest.empty()) {
                    image.files.push_back({digest, row[column + 1].as<std::uint64_t>()});
                }
            }
            images.push_back(std::move(image));
        }
    }
    if (has_table(sql, "host_images")) {
        for (const auto& row : sql.exec(
                 "SELECT name, host, digest, size_bytes FROM host_images ORDER BY host, name")) {
            images.push_back({row[0].c_str(),
                              {},
                              row[1].c_str(),
                              {{row[2].c_str(), row[3].as<std::uint64_t>()}}});
        }
    }
    return images;
}

class Moment final : public DatabaseMoment {
public:
    explicit Moment(StoreSettings settings) : settings_{std::move(settings)} {}

    common::Result<> begin()
    {
        COMMON_TRY(owner_, OwnerSession::connect(settings_, "paddock-backup"));
        auto& session = owner_->session();
        COMMON_CHECK(owner_->check_is_ours());
        COMMON_CHECK(check_known(session, migrations(), settings_.statement_timeout));
        return session.run(settings_.bulk_timeout, "look at the database", [&](auto& sql) {
            sql.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
            snapshot_ = sql.exec1("SELECT pg_export_snapshot()")[0].c_str();
            facts_ = read_facts(sql);
        });
    }

    [[nodiscard]] const DatabaseFacts& facts() const override { return facts_; }

    common::Result<std::vector<ImageFacts>> images() override
    {
        return owner_->session().run(settings_.bulk_timeout, "read the images", read_images);
    }

    common::Result<> dump(const std::filesystem::path& file) override
    {
        COMMON_TRY(auto program,
                   owner_->tool({"pg_dump",
                                 "--format=custom",
                                 "--no-owner",
                                 "--no-privileges",
                                 "--snapshot=" + snapshot_,
                                 "--file=" + file.string()}));
        return run_tool(std::move(program), *owner_);
    }

private:
    const StoreSettings settings_;
    std::unique_ptr<OwnerSession> owner_;
    std::string snapshot_;
    DatabaseFacts facts_;
};

} // namespace

common::Result<std::unique_ptr<DatabaseMoment>> DatabaseMoment::open(const StoreSettings& settings)
{
    auto moment = std::make_unique<Moment>(settings);
    COMMON_CHECK(moment->begin());
    return std::unique_ptr<DatabaseMoment>{std::move(moment)};
}

} // namespace coordinator::store
