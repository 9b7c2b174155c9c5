#include "coordinator/store/session.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator::store {

namespace {

/// libpq's messages have several lines; those after the first may quote a whole row.
std::string first_line(const std::string& text)
{
    constexpr std::size_t enough = 300;
    return text.substr(0, std::min(text.find('\n'), enough));
}

Failure::Kind kind_of(const std::string& sqlstate)
{
    const auto in = [&](std::string_view prefix) { return sqlstate.starts_with(prefix); };
    if (in("22") || in("23") || in("54")) {
        return Failure::Kind::data;
    }
    if (in("57P") || in("08")) {
        return Failure::Kind::lost;
    }
    if (sqlstate == "57014") {
        return Failure::Kind::slow;
    }
    // Rollback, resources, locks, the system; 25006: the server has become a standby.
    if (in("40") || in("53") || in("55") || in("58") || sqlstate == "25006") {
        return Failure::Kind::again;
    }
    return Failure::Kind::other;
}

} // namespace

Session::Session(const ConnInfo& info, const std::string& url, Watchdog& watchdog)
    : info_{info},
      watchdog_{watchdog},
      connection_{std::make_unique<pqxx::connection>(url)},
      silence_{std::make_unique<pqxx::quiet_errorhandler>(*connection_)}
{
    // Deprecated for being dropped in libpqxx 7, where nothing reconnects by itself. Here a
    // silent reconnect would lose the lease and the transaction.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection_->inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

Session::~Session() = default;

common::Result<std::unique_ptr<Session>>
Session::connect(const ConnInfo& info, const Options& options, Watchdog& watchdog)
{
    using std::chrono::seconds;
    const auto connect_seconds =
        std::max<std::int64_t>(2, std::chrono::ceil<seconds>(options.connect_timeout).count());
    const auto ms = options.statement_timeout.count();
    const auto url = info.with({
        {"application_name", options.application_name},
        {"connect_timeout", std::to_string(connect_seconds)},
        {"client_encoding", "UTF8"},
        {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        {"options",
         fmt::format("-c statement_timeout={} -c lock_timeout={} -c client_min_messages=error "
                     "-c idle_in_transaction_session_timeout={} -c search_path=public {}",
                     ms,
                     ms,
                     3 * ms,
                     options.server_settings)},
    });
    try {
        return std::unique_ptr<Session>{new Session{info, url, watchdog}};
    } catch (const std::exception& failure) {
        return common::Error{common::ErrorCode::unavailable,
                             "connect to PostgreSQL (" + info.describe() +
                                 "): " + first_line(info.redact(failure.what())),
                             "database_unavailable"};
    }
}

Failure Session::current_failure() const
{
    try {
        throw;
    } catch (const pqxx::broken_connection& lost) {
        return {Failure::Kind::lost, first_line(info_.redact(lost.what()))};
    } catch (const pqxx::sql_error& error) {
        const auto kind = open() ? kind_of(error.sqlstate()) : Failure::Kind::lost;
        if (kind == Failure::Kind::data) {
            return {kind, "PostgreSQL refuses a value (SQLSTATE " + error.sqlstate() + ")"};
        }
        return {kind, first_line(info_.redact(error.what()))};
    } catch (const std::exception& error) {
        return {open() ? Failure::Kind::other : Failure::Kind::lost,
                first_line(info_.redact(error.what()))};
    }
}

common::Error Session::to_error(Failure failure, const std::string& attempt)
{
    const auto transient =
        failure.kind != Failure::Kind::data && failure.kind != Failure::Kind::other;
    return common::Error{transient ? common::ErrorCode::unavailable : common::ErrorCode::internal,
                         attempt + ": " + failure.message,
                         transient ? "database_unavailable" : ""};
}

} // namespace coordinator::store
