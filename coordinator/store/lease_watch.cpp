#include "coordinator/store/lease_watch.hpp"

#include "coordinator/store/text.hpp"

#include <fmt/format.h>

namespace coordinator::store {

namespace {

/// Of a connection for which the server waits: its last change. Of another one nothing.
/// https://www.postgresql.org/docs/15/monitoring-stats.html: `Client` is waiting for its client.
constexpr const char* mark_of =
    "CASE WHEN wait_event_type = 'Client' THEN concat_ws(' ', pid, backend_start, query_start, "
    "state_change) END";

} // namespace

common::Result<LeaderSeen> LeaseWatch::look(common::SteadyTime now)
{
    struct Seen {
        std::string pid, mark;
        bool loading = false;
        LeaderSeen leader;
    };
    COMMON_TRY(
        auto seen, session_.run(settings_.statement_timeout, "look who leads", [](auto& sql) {
            Seen found;
            const auto holder = sql.exec(fmt::format(
                "SELECT pid, coalesce({}, ''), application_name LIKE '{}%' FROM pg_locks JOIN "
                "pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted AND "
                "objsubid = 1 AND classid = ({} >> 32)::oid AND objid = ({} & "
                "4294967295)::oid AND database = (SELECT oid FROM pg_database WHERE datname = "
                "current_database())",
                mark_of,
                loading_name,
                lease_key,
                lease_key));
            if (!holder.empty()) {
                found.pid = holder[0][0].c_str();
                found.mark = holder[0][1].c_str();
                found.loading = holder[0][2].template as<bool>(false);
            }
            // The first coordinator of all may only be making the table, and an older one has
            // made it without that column.
            const auto readable = sql.exec1(
                "SELECT coalesce(has_table_privilege(to_regclass('leader'), 'SELECT'), false)");
            if (readable[0].template as<bool>()) {
                const auto row = sql.exec(
                    "SELECT epoch, coalesce(to_jsonb(leader) ->> 'http_address', '') FROM leader "
                    "WHERE deposed_at IS NULL ORDER BY epoch DESC LIMIT 1");
                if (!row.empty()) {
                    found.leader = {row[0][0].template as<std::uint64_t>(),
                                    from_column(row[0][1].c_str())};
                }
            }
            return found;
        }));
    if (seen.mark.empty() || seen.mark != mark_) {
        since_ = now;
    }
    pid_ = std::move(seen.pid);
    mark_ = std::move(seen.mark);
    loading_ = seen.loading;
    return std::move(seen.leader);
}

bool LeaseWatch::is_silent(common::SteadyTime now) const
{
    const auto patience = loading_ ? settings_.bulk_timeout : settings_.leader_silence;
    return !mark_.empty() && now - since_ >= patience;
}

common::Result<bool> LeaseWatch::end_it()
{
    COMMON_TRY(const auto ended,
               session_.run(settings_.statement_timeout, "end a silent leader", [&](auto& sql) {
                   return !sql.exec(fmt::format("SELECT pg_terminate_backend(pid) FROM "
                                                "pg_stat_activity WHERE pid = {} AND {} = {}",
                                                pid_,
                                                mark_of,
                                                sql.quote(mark_)))
                               .empty();
               }));
    mark_.clear();
    return ended;
}

} // namespace coordinator::store
