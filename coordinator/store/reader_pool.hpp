#pragma once

#include "coordinator/store/session.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

namespace coordinator::store {

/// A few connections for reading, made when needed and kept. Any thread.
class ReaderPool {
public:
    ReaderPool(const StoreSettings& settings, ConnInfo info, Watchdog& watchdog)
        : settings_{settings}, info_{std::move(info)}, watchdog_{watchdog}
    {}

    /// Runs `work(nontransaction&)`. A kept connection that turns out to be gone is replaced
    /// once. `unavailable`: no answer, or no connection free, within statement_timeout.
    template <typename Work>
    auto run(const char* attempt, Work work)
        -> common::Result<decltype(work(std::declval<pqxx::nontransaction&>()))>
    {
        COMMON_TRY(auto session, lend());
        const bool kept = session != nullptr;
        const Return giving_back{*this, session};
        if (!kept) {
            COMMON_TRY(session, fresh());
        }
        auto result = session->run(settings_.statement_timeout, attempt, work);
        if (!result && kept && !session->open()) {
            COMMON_TRY(session, fresh());
            result = session->run(settings_.statement_timeout, attempt, work);
        }
        return result;
    }

    /// A connection outside of the pool, for something long.
    common::Result<std::unique_ptr<Session>> fresh();

private:
    struct Return {
        ReaderPool& pool;
        std::unique_ptr<Session>& session;
        ~Return() { pool.give_back(std::move(session)); }
    };
    /// One of those kept, or null: the caller may make one.
    common::Result<std::unique_ptr<Session>> lend();
    void give_back(std::unique_ptr<Session> session);

    const StoreSettings& settings_;
    const ConnInfo info_;
    Watchdog& watchdog_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<std::unique_ptr<Session>> kept_;
    std::size_t lent_ = 0;
};

} // namespace coordinator::store
