#include "coordinator/http/wire/workers.hpp"

#include "coordinator/http/wire/poller.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <system_error>

namespace coordinator::http {

namespace {

/// A client that asks again this soon finds its thread still waiting, which saves
/// two hand-overs; one that does not goes back to the poller.
constexpr std::chrono::milliseconds stay{500};

} // namespace

Workers::Workers(const Options& options, Responder& responder, Poller& poller)
    : options_{options}, responder_{responder}, poller_{poller}
{}

Workers::~Workers()
{
    stop();
}

common::Result<> Workers::start()
{
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    int failure = ::pthread_attr_setstacksize(&attributes, options_.thread_stack.count());
    for (unsigned i = 0; i < options_.threads && failure == 0; ++i) {
        pthread_t thread{};
        failure = ::pthread_create(&thread, &attributes, &Workers::entry, this);
        if (failure == 0) {
            threads_.push_back(thread);
        }
    }
    ::pthread_attr_destroy(&attributes);
    if (failure != 0) {
        stop();
        return common::Error{common::ErrorCode::resource_exhausted,
                             "start " + std::to_string(options_.threads) +
                                 " HTTP threads: " + std::generic_category().message(failure)};
    }
    return {};
}

bool Workers::submit(Connection& connection)
{
    {
        const std::scoped_lock lock{mutex_};
        if (stopping_ || queue_.size() >= options_.queue) {
            return false;
        }
        queue_.push_back(std::move(connection));
    }
    work_.notify_one();
    return true;
}

bool Workers::drain(common::SteadyTime deadline)
{
    draining_ = true;
    std::unique_lock lock{mutex_};
    return idle_.wait_until(
        lock, deadline, [this] { return queue_.empty() && sockets_.empty() && busy_ == 0; });
}

void Workers::stop()
{
    draining_ = true;
    {
        const std::scoped_lock lock{mutex_};
        stopping_ = true;
        queue_.clear();
        for (const int socket : sockets_) {
            ::shutdown(socket, SHUT_RDWR); // Its thread wakes from any wait on it.
        }
    }
    work_.notify_all();
    for (const auto thread : threads_) {
        ::pthread_join(thread, nullptr);
    }
    threads_.clear();
}

void* Workers::entry(void* self)
{
    static_cast<Workers*>(self)->run();
    return nullptr;
}

void Workers::run()
{
    Exchange exchange{options_, responder_, draining_};
    while (true) {
        Connection connection;
        int socket = -1;
        {
            std::unique_lock lock{mutex_};
            work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) {
                return;
            }
            connection = std::move(queue_.front());
            queue_.pop_front();
            socket = connection.socket.get();
            sockets_.insert(socket);
        }
        ++busy_;
        After after = After::keep;
        do {
            after = serve_one(exchange, connection);
        } while (after == After::keep && connection.unsent.empty() && next_head(connection));
        {
            // Before the descriptor is closed or given away: stop() must never cut
            // somebody else's socket.
            const std::scoped_lock lock{mutex_};
            sockets_.erase(socket);
        }
        poller_.take(std::move(connection), after);
        {
            // After the poller has it: drain() must not miss what it still has to send.
            const std::scoped_lock lock{mutex_};
            --busy_;
        }
        idle_.notify_all();
    }
}

After Workers::serve_one(Exchange& exchange, Connection& connection)
{
    const auto size = head_size(connection.received);
    auto head = parse_head(std::string_view{connection.received}.substr(0, size));
    connection.received.erase(0, size);
    if (!head) {
        const auto reply = render_closing(responder_.refuse(head.error(), connection));
        std::string_view rest = reply;
        const bool sent = send_some(connection.socket.get(), rest);
        connection.unsent = rest;
        return sent ? After::linger : After::close;
    }
    return exchange.serve(connection, *head);
}

bool Workers::next_head(Connection& connection) const
{
    const auto until = std::chrono::steady_clock::now() + stay;
    while (true) {
        if (head_size(connection.received) > 0) {
            return true;
        }
        // Half of the threads stay free for those who have a request now.
        const bool spare = busy_ * 2 <= options_.threads;
        if (!spare || draining_ || connection.received.size() > options_.max_head.count() ||
            !wait_for(connection.socket.get(), POLLIN, until)) {
            return false;
        }
        if (receive(connection) == Received::end) {
            return false; // The poller sees the same and closes it.
        }
    }
}

} // namespace coordinator::http
