#include "coordinator/store/tenure.hpp"

#include "common/id.hpp"
#include "coordinator/store/lease_watch.hpp"
#include "coordinator/store/row_reading.hpp"
#include "coordinator/store/row_writing.hpp"
#include "coordinator/store/text.hpp"

#include <fmt/format.h>
#include <thread>

namespace coordinator::store {

namespace {

/// A host that is gone, or cut off, holds the lease no longer than this: PostgreSQL asks its
/// kernel each second and ends the connection. Without effect on a unix socket, whose ends go
/// together.
constexpr const char* notice_soon =
    "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2 "
    "-c tcp_user_timeout=3000";

const std::string lease_sql = std::string{"SELECT pg_try_advisory_lock("} + lease_key + ")";

common::Error precondition(std::string message, const char* reason)
{
    return {common::ErrorCode::failed_precondition, std::move(message), reason};
}

Snapshot read_snapshot(pqxx::transaction_base& sql)
{
    Snapshot snapshot;
    snapshot.sandboxes = read_sandboxes(
        sql,
        "WHERE deleted_at IS NULL OR deleted_at > now() - interval '24 hours' OR left_host <> '' "
        "OR remains_on <> '{}' ORDER BY id");
    snapshot.checkpoints = read_checkpoints(sql, "WHERE status <> 'deleted' ORDER BY id");
    snapshot.replicas = read_replicas(sql);
    snapshot.pools = read_pools(sql, "WHERE deleted_at IS NULL ORDER BY name");
    snapshot.images = read_registered_images(sql, "ORDER BY created_at, id");
    snapshot.hosts = read_hosts(sql);
    snapshot.unfinished = read_operations(sql, "WHERE status = 'running' ORDER BY id");
    snapshot.unfinished_commands = read_commands(sql, "WHERE status = 'running' ORDER BY id");
    return snapshot;
}

} // namespace

Tenure::Tenure(const StoreSettings& settings, ConnInfo info, Watchdog& watchdog)
    : settings_{settings},
      info_{std::move(info)},
      watchdog_{watchdog},
      name_{common::random_base32_80()},
      application_name_{writer_name + name_}
{}

common::Result<> Tenure::connect()
{
    COMMON_TRY(session_,
               Session::connect(info_,
                                {application_name_,
                                 settings_.connect_timeout,
                                 settings_.statement_timeout,
                                 notice_soon},
                                watchdog_));
    return {};
}

common::Result<> Tenure::check_server()
{
    struct Facts {
        bool standby;
        std::string fsync, synchronous_commit;
    };
    COMMON_TRY(const auto facts,
               session_->run(settings_.statement_timeout, "check the server", [](auto& sql) {
                   const auto row = sql.exec1("SELECT pg_is_in_recovery(), "
                                              "current_setting('fsync'), "
                                              "current_setting('synchronous_commit')");
                   return Facts{row[0].template as<bool>(), row[1].c_str(), row[2].c_str()};
               }));
    const auto where = "PostgreSQL (" + info_.describe() + ") ";
    if (facts.standby) {
        return precondition(where + "is a standby: name the primary in database_url",
                            "database_not_writable");
    }
    if (facts.fsync != "on") {
        return precondition(where + "runs with fsync=off and would lose what it confirmed: set "
                                    "fsync = on in postgresql.conf and reload",
                            "database_not_durable");
    }
    if (facts.synchronous_commit == "off") {
        return precondition(where + "confirms before writing: set synchronous_commit = on in "
                                    "postgresql.conf, and for this role and database",
                            "database_not_durable");
    }
    return {};
}

common::Result<> Tenure::get_lease(common::SteadyTime deadline)
{
    using std::chrono::steady_clock;
    auto pause = std::chrono::milliseconds{2};
    for (;;) {
        // Our own former connection may hang at the server, where nobody waits for it.
        COMMON_TRY(const auto got,
                   session_->run(settings_.statement_timeout, "take the lease", [&](auto& sql) {
                       sql.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                "application_name = '" +
                                application_name_ + "' AND pid <> pg_backend_pid()");
                       return sql.exec1(lease_sql)[0].template as<bool>();
                   }));
        if (got) {
            return {};
        }
        if (steady_clock::now() + pause > deadline) {
            return precondition("another coordinator holds the lease in PostgreSQL (" +
                                    info_.describe() + "): stop it, or let this one wait",
                                "lease_held");
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds{200});
    }
}

common::Result<> Tenure::take()
{
    COMMON_CHECK(connect());
    COMMON_CHECK(check_server());
    if (settings_.standing_by) {
        COMMON_CHECK(stand_by());
    } else {
        COMMON_CHECK(get_lease(std::chrono::steady_clock::now() + settings_.lease_patience));
    }
    return call_it(loading_name);
}

/// So that others, and who looks into pg_stat_activity, know what this connection is for.
common::Result<> Tenure::call_it(const char* what)
{
    return session_->run(settings_.statement_timeout, "name the connection", [&](auto& sql) {
        sql.exec("SET application_name = '" + (what + name_) + "'");
    });
}

common::Result<> Tenure::stand_by()
{
    using std::chrono::steady_clock;
    COMMON_CHECK(call_it(standby_name));
    LeaseWatch watch{settings_, *session_};
    const auto from = steady_clock::now() + settings_.lease_deference;
    for (;;) {
        if (steady_clock::now() >= from) {
            COMMON_TRY(const auto got,
                       session_->run(settings_.statement_timeout, "take the lease", [](auto& sql) {
                           return sql.exec1(lease_sql)[0].template as<bool>();
                       }));
            if (got) {
                return {};
            }
        }
        COMMON_TRY(const auto leader, watch.look(steady_clock::now()));
        if (watch.is_silent(steady_clock::now())) {
            COMMON_TRY(const auto ended, watch.end_it());
            if (ended && settings_.report) {
                settings_.report("the leader has asked for nothing for too long: its connection "
                                 "is ended");
            }
        }
        if (!settings_.standing_by(leader)) {
            return common::Error{
                common::ErrorCode::unavailable, "it stands by no longer", "coordinator_ending"};
        }
    }
}

common::Result<Snapshot> Tenure::begin()
{
    auto loaded = session_->run(settings_.bulk_timeout, "load", [&](pqxx::nontransaction& sql) {
        // Both wait for a transaction of a former leader, whose row this changes.
        sql.exec("BEGIN; UPDATE leader SET deposed_at = now() WHERE deposed_at IS NULL");
        head_ = read_audit_head(sql);
        epoch_ = sql.exec1(fmt::format(
            "INSERT INTO leader (epoch, audit_seq, audit_hash, http_address) SELECT "
            "coalesce(max(epoch), 0) + 1, {}, '{}', {} FROM leader "
            "RETURNING epoch",
            head_.seq,
            bytea_text({reinterpret_cast<const char*>(head_.hash.data()), head_.hash.size()}),
            sql.quote(to_column(settings_.http_address))))[0]
                     .as<std::uint64_t>();
        const auto last = sql.exec("SELECT (extract(epoch FROM at) * 1000000)::bigint FROM audit "
                                   "ORDER BY seq DESC LIMIT 1");
        last_us_ = last.empty() ? 0 : last[0][0].as<std::int64_t>();
        auto snapshot = read_snapshot(sql);
        snapshot.epoch = epoch_;
        sql.exec("COMMIT");
        prepare_writing(session_->connection());
        return snapshot;
    });
    if (loaded) {
        COMMON_CHECK(call_it(writer_name));
    }
    return loaded;
}

common::Result<> Tenure::ensure()
{
    if (ended_) {
        return *ended_;
    }
    if (session_ != nullptr && session_->open()) {
        return {};
    }
    session_.reset();
    auto ready = connect();
    if (ready) {
        ready = check_server();
    }
    if (ready) {
        // Short: the caller comes again, and may be told to stop in between.
        ready = get_lease(std::chrono::steady_clock::now() + std::chrono::milliseconds{500});
    }
    if (ready) {
        ready = take_up();
    } else if (ready.error().reason == "lease_held") {
        ready = look_for_a_successor(std::move(ready).error());
    }
    if (!ready) {
        session_.reset();
        if (!ended_) {
            auto error = std::move(ready).error();
            error.code = common::ErrorCode::unavailable;
            return error;
        }
    }
    return ready;
}

common::Result<> Tenure::probe()
{
    if (session_ != nullptr && !session_->run(settings_.statement_timeout, "probe", [](auto& sql) {
            sql.exec("SELECT 1");
        })) {
        session_.reset();
    }
    return ensure();
}

common::Result<Tenure::Standing> Tenure::look()
{
    return session_->run(settings_.statement_timeout, "look where it stands", [&](auto& sql) {
        const auto row = sql.exec(
            fmt::format("SELECT batch, deposed_at IS NULL FROM leader WHERE epoch = {}", epoch_));
        if (row.empty()) {
            return Standing{}; // Of a backup from before its time: it leads nobody.
        }
        return Standing{row[0][0].template as<std::uint64_t>(),
                        row[0][1].template as<bool>(),
                        read_audit_head(sql)};
    });
}

void Tenure::settle_doubt(std::uint64_t batch)
{
    if (doubt_) {
        landed_ = batch == doubt_->batch;
        if (*landed_) {
            batch_ = doubt_->batch;
            head_ = doubt_->head;
        }
        doubt_.reset();
    }
}

/// Whoever holds the lease may not have begun yet, and may give it back. Once it has, our row
/// says so, and it has waited for our last transaction: what that row says is final.
common::Result<> Tenure::look_for_a_successor(common::Error held)
{
    COMMON_TRY(const auto found, look());
    if (found.leading) {
        return held;
    }
    settle_doubt(found.batch);
    return deposed();
}

common::Error Tenure::deposed()
{
    return never_again("another coordinator has become the leader");
}

/// With the lease back: is everything as we left it?
common::Result<> Tenure::take_up()
{
    COMMON_TRY(const auto found, look());
    settle_doubt(found.batch);
    if (!found.leading) {
        return deposed();
    }
    prepare_writing(session_->connection());
    if (found.batch != batch_ || found.head != head_) {
        return never_again(fmt::format(
            "the database stands at batch {} and audit row {}, we at {} and {}: somebody else "
            "wrote, or a backup was restored under a running coordinator",
            found.batch,
            found.head.seq,
            batch_,
            head_.seq));
    }
    return {};
}

common::Error Tenure::never_again(const std::string& why)
{
    session_.reset();
    ended_ = precondition("this coordinator writes no more: " + why +
                              "; start it again to make it read everything anew",
                          "not_the_leader");
    return *ended_;
}

} // namespace coordinator::store
