#include "coordinator/store/database_tools.hpp"

namespace coordinator::store {

namespace {

/// A large database takes hours. Whoever waits may end it.
constexpr std::chrono::hours patience_of_tools{24};

common::Error told_safely(common::Error error, const ConnInfo& info)
{
    error.message = info.redact(std::move(error.message));
    if (error.code == common::ErrorCode::not_found) {
        error.message += "; apt-get install postgresql-client";
    }
    return error;
}

} // namespace

common::Result<std::unique_ptr<OwnerSession>> OwnerSession::connect(const StoreSettings& settings,
                                                                    const std::string& name)
{
    const bool own = !settings.database_owner_url.empty();
    COMMON_TRY(auto info,
               ConnInfo::parse(own ? settings.database_owner_url : settings.database_url,
                               own ? "database_owner_url" : "database_url"));
    std::unique_ptr<OwnerSession> owner{new OwnerSession{settings, std::move(info)}};
    // It stands still in a transaction for as long as pg_dump takes.
    COMMON_TRY(owner->session_,
               Session::connect(owner->info_,
                                {name,
                                 settings.connect_timeout,
                                 settings.bulk_timeout,
                                 "-c idle_in_transaction_session_timeout=0"},
                                owner->watchdog_));
    return owner;
}

common::Result<> OwnerSession::check_is_ours()
{
    COMMON_TRY(const auto ours,
               session_->run(settings_.statement_timeout, "look at the database", [](auto& sql) {
                   return sql
                       .exec1("SELECT to_regclass('schema_migrations') IS NOT NULL AND "
                              "to_regclass('leader') IS NOT NULL AND to_regclass('audit') IS NOT "
                              "NULL")[0]
                       .template as<bool>();
               }));
    if (!ours) {
        return common::Error{common::ErrorCode::failed_precondition,
                             "the database (" + info_.describe() +
                                 ") is none of Paddock's: no coordinator has ever run on it",
                             "schema_mismatch"};
    }
    return {};
}

common::Result<common::process::Child::Program>
OwnerSession::tool(std::vector<std::string> argv) const
{
    common::process::Child::Program program;
    COMMON_TRY(const auto url, info_.without_password());
    argv.push_back("--dbname=" + url);
    program.command.argv = std::move(argv);
    program.command.timeout = patience_of_tools;
    program.environment = {"LC_ALL=C.UTF-8", "PGAPPNAME=paddock-backup"};
    if (const auto password = info_.password(); !password.empty()) {
        program.environment.push_back("PGPASSWORD=" + password);
    }
    return program;
}

common::Result<> run_tool(common::process::Child::Program program, const OwnerSession& owner)
{
    const auto command = program.command;
    auto child = common::process::Child::start(std::move(program));
    if (!child) {
        return told_safely(std::move(child).error(), owner.info());
    }
    return finish_tool(**child, command, owner);
}

common::Result<> finish_tool(common::process::Child& child,
                             const common::process::Command& command,
                             const OwnerSession& owner)
{
    auto outcome = child.finish();
    if (!outcome) {
        return told_safely(std::move(outcome).error(), owner.info());
    }
    if (outcome->status != 0) {
        return told_safely(common::process::failed(command, *outcome), owner.info());
    }
    return {};
}

} // namespace coordinator::store
