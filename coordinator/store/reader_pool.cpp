#include "coordinator/store/reader_pool.hpp"

#include <algorithm>

namespace coordinator::store {

common::Result<std::unique_ptr<Session>> ReaderPool::fresh()
{
    return Session::connect(
        info_,
        {"paddock-reader", settings_.connect_timeout, settings_.statement_timeout},
        watchdog_);
}

common::Result<std::unique_ptr<Session>> ReaderPool::lend()
{
    std::unique_lock lock{mutex_};
    const auto most = std::max<std::size_t>(1, settings_.readers);
    if (!freed_.wait_for(lock, settings_.statement_timeout, [&] { return lent_ < most; })) {
        return common::Error{common::ErrorCode::unavailable,
                             "every reading connection to PostgreSQL is busy",
                             "database_unavailable"};
    }
    ++lent_;
    std::unique_ptr<Session> session;
    if (!kept_.empty()) {
        session = std::move(kept_.back());
        kept_.pop_back();
    }
    return session;
}

void ReaderPool::give_back(std::unique_ptr<Session> session)
{
    {
        const std::scoped_lock lock{mutex_};
        --lent_;
        if (session != nullptr && session->open()) {
            kept_.push_back(std::move(session));
        }
    }
    freed_.notify_one();
}

} // namespace coordinator::store
