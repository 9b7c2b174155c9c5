#include "coordinator/http/wire/poller.hpp"

#include <sys/epoll.h>

// Replies that their clients do not take at once.
namespace coordinator::http {

namespace {

/// So much has to leave within each write_timeout.
constexpr std::size_t least_progress = std::size_t{64} << 10U;

} // namespace

void Poller::take(Connection connection, After after)
{
    if (connection.unsent.empty() && after == After::close) {
        return forget(); // Closed here, by its destructor.
    }
    if (!connection.unsent.empty() && after != After::stream) {
        count_sending();
    }
    {
        const common::MutexLock lock{mutex_};
        inbox_.emplace_back(std::move(connection), after);
    }
    wake();
}

void Poller::count_sending()
{
    const std::scoped_lock lock{sending_mutex_};
    ++sending_;
}

bool Poller::sent(common::SteadyTime deadline)
{
    std::unique_lock lock{sending_mutex_};
    return all_sent_.wait_until(lock, deadline, [this] { return sending_ == 0; });
}

void Poller::hold_unsent(Connection connection, After after)
{
    const int socket = connection.socket.get();
    unsent_ += connection.unsent.size();
    const auto deadline = std::chrono::steady_clock::now() + options_.write_timeout;
    parked_.insert_or_assign(
        socket, Parked{std::move(connection), Wait::send, deadline, 0, {0, 0, after, false}});
    watch(socket, EPOLLOUT);
    if (unsent_ > options_.max_unsent.count()) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        drop(socket);
    }
}

void Poller::send_on(Parked& parked)
{
    const int socket = parked.connection.socket.get();
    auto& sending = parked.sending;
    std::string_view rest = parked.connection.unsent;
    rest.remove_prefix(sending.sent);
    if (!send_some(socket, rest)) {
        return drop(socket);
    }
    sending.sent = parked.connection.unsent.size() - rest.size();
    if (!rest.empty()) {
        if (sending.sent - sending.counted >= least_progress) {
            sending.counted = sending.sent;
            parked.deadline = std::chrono::steady_clock::now() + options_.write_timeout;
        }
        return;
    }
    const auto after = sending.after;
    unwatch(socket);
    auto connection = std::move(parked.connection);
    parked_.erase(socket);
    done_sending(connection);
    settle(std::move(connection), after);
}

void Poller::done_sending(Connection& connection)
{
    unsent_ -= connection.unsent.size();
    connection.unsent = {};
    {
        const std::scoped_lock lock{sending_mutex_};
        --sending_;
    }
    all_sent_.notify_all();
}

void Poller::settle(Connection connection, After after)
{
    const int socket = connection.socket.get();
    switch (after) {
    case After::keep:
        if (connection.received.empty()) {
            return hold(std::move(connection), Wait::idle);
        }
        hold(std::move(connection), Wait::head);
        return on_data(parked_.at(socket)); // The next head may be there already.
    case After::stream: return hold_stream(std::move(connection));
    case After::linger: return hold(std::move(connection), Wait::linger);
    case After::close: return forget(); // Closed here, by its destructor.
    }
}

} // namespace coordinator::http
