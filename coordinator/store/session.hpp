#pragma once

#include "common/result.hpp"
#include "coordinator/store/conninfo.hpp"
#include "coordinator/store/settings.hpp"
#include "coordinator/store/watchdog.hpp"

#include <memory>
#include <pqxx/pqxx>
#include <string>

namespace coordinator::store {

/// What an exception of libpqxx means to us.
struct Failure {
    enum class Kind {
        lost,  ///< The connection is gone.
        again, ///< The server cannot now: full disk, deadlock, shutting down.
        data,  ///< A value that PostgreSQL does not take.
        slow,  ///< Cancelled by statement_timeout.
        other, ///< A missing table, a missing grant, a bug.
    };
    Kind kind;
    std::string message; ///< No values of rows: they may be secrets.
};

/// One connection, for one thread at a time. Never reconnects by itself.
class Session {
public:
    /// How long a statement may take by the server's count; connecting is bounded by
    /// connect_timeout per address.
    struct Options {
        std::string application_name;
        std::chrono::milliseconds connect_timeout;
        std::chrono::milliseconds statement_timeout;
        std::string server_settings{}; ///< More "-c name=value" for the server's end.
    };

    /// `unavailable` when it cannot be reached or lets us not in.
    static common::Result<std::unique_ptr<Session>>
    connect(const ConnInfo& info, const Options& options, Watchdog& watchdog);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] pqxx::connection& connection() { return *connection_; }
    [[nodiscard]] bool open() const { return connection_->is_open(); }

    /// Runs `work(nontransaction&)`, at most about `patience`; its value, or the failure as
    /// an Error: lost, again and slow are `unavailable`, the rest `internal`. A transaction
    /// begun in it and not ended because of a failure is the caller's to roll back.
    template <typename Work>
    auto run(std::chrono::milliseconds patience, const char* attempt, Work work)
        -> common::Result<decltype(work(std::declval<pqxx::nontransaction&>()))>
    {
        try {
            const Watchdog::Guard guard{watchdog_, connection_->sock(), patience};
            pqxx::nontransaction transaction{*connection_};
            if constexpr (std::is_void_v<decltype(work(transaction))>) {
                work(transaction);
                return {};
            } else {
                return work(transaction);
            }
        } catch (...) {
            return to_error(current_failure(), attempt);
        }
    }

    [[nodiscard]] Watchdog& watchdog() { return watchdog_; }

    /// In a catch block: what was caught.
    [[nodiscard]] Failure current_failure() const;
    static common::Error to_error(Failure failure, const std::string& attempt);

private:
    Session(const ConnInfo& info, const std::string& url, Watchdog& watchdog);

    ConnInfo info_;
    Watchdog& watchdog_;
    std::unique_ptr<pqxx::connection> connection_;
    std::unique_ptr<pqxx::errorhandler> silence_; ///< The server's notices stay off stderr.
};

} // namespace coordinator::store
