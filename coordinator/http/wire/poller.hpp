#pragma once

#include "common/clock.hpp"
#include "common/mutex.hpp"
#include "common/result.hpp"
#include "coordinator/http/options.hpp"
#include "coordinator/http/wire/connection.hpp"
#include "coordinator/http/wire/stream_news.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace coordinator::http {

/// One thread that accepts connections and holds every one that waits for a
/// request or is slow to take its reply, so that idle and slow clients cost a descriptor
/// and no thread. A connection leaves it when a whole head has arrived; workers give it
/// back with take().
class Poller {
public:
    /// Takes a connection whose head is complete; on the poller's thread, must not
    /// wait. False: too busy, the client is told so.
    using Ready = std::function<bool(Connection&)>;
    /// What to send, whole, before closing: for a reason such as "too_many_connections".
    using Refusal = std::function<std::string(const common::Error&, const Connection&)>;

    Poller(const Options& options, Ready ready, Refusal refusal);
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    /// Binds and begins to accept. `unavailable` names the address and the cause.
    common::Result<> start();
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    /// Any thread: a request was answered. Sends what is unsent, at least 64 KiB within
    /// each write_timeout and of all connections at most max_unsent; then `after`. To linger
    /// is to end the sending side, discard what still comes for a moment and close: an
    /// unread byte would otherwise reset the connection and lose the reply.
    void take(Connection connection, After after);
    /// Any thread: true when nothing is unsent any more, false at the deadline.
    bool sent(common::SteadyTime deadline);

    /// Any thread: no new connections; those without a request under way are closed.
    void stop_accepting();
    /// Ends the thread and closes what it holds.
    void stop();

    [[nodiscard]] std::size_t open() const noexcept { return open_.load(); }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.load(); }

private:
    enum class Wait { idle, head, linger, send, stream };
    struct Sending {
        std::size_t sent = 0;
        std::size_t counted = 0; ///< Of it when the deadline was set.
        After after = After::close;
        bool waits = false; ///< Of a stream: for its client to take something.
    };
    struct Parked {
        Connection connection;
        Wait wait = Wait::idle;
        common::SteadyTime deadline;
        std::size_t discarded = 0; ///< For Wait::linger.
        Sending sending{};         ///< For Wait::send and stream.
    };

    void run();
    void take_inbox();
    void accept_some();
    void on_ready(int socket, std::uint32_t events);
    void on_data(Parked& parked);
    void discard(Parked& parked);
    void hold(Connection connection, Wait wait);
    void count_sending(); ///< Of what hold_unsent() is to be given.
    void hold_unsent(Connection connection, After after);
    void send_on(Parked& parked);
    void done_sending(Connection& connection);
    void hold_stream(Connection connection);
    void take_news();
    void stream_on(Parked& parked);
    void end_stream(int socket);
    void cut_stream(int socket);
    void hear_on_stream(Parked& parked);
    bool keep_stream_alive(Parked& parked);
    void say_farewell(Parked& parked);
    void settle(Connection connection, After after);
    void hand_over(int socket);
    void refuse(int socket, const common::Error& why);
    void expire(common::SteadyTime now);
    bool is_still_over(int socket, Wait wait, common::SteadyTime now);
    void drop(int socket);
    void forget() noexcept { open_.fetch_sub(1, std::memory_order_relaxed); }
    void watch(int socket, std::uint32_t events) const;
    void unwatch(int socket) const;
    void wake() const;

    const Options& options_;
    const Ready ready_;
    const Refusal refusal_;
    common::UniqueFd epoll_;
    common::UniqueFd listener_;
    common::UniqueFd wake_;
    std::uint16_t port_ = 0;
    std::atomic<std::size_t> open_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<bool> accepting_{true};
    std::atomic<bool> running_{false};
    bool listening_ = false;                 ///< Poller's thread.
    std::unordered_map<int, Parked> parked_; ///< Poller's thread.
    std::size_t lingering_ = 0;              ///< Poller's thread.
    std::size_t unsent_ = 0;                 ///< Bytes. Poller's thread.
    std::size_t streams_ = 0;                ///< Poller's thread.
    const std::shared_ptr<StreamNews> news_ = std::make_shared<StreamNews>();
    common::Mutex mutex_;
    std::vector<std::pair<Connection, After>> inbox_ GUARDED_BY(mutex_);
    std::mutex sending_mutex_;
    std::condition_variable all_sent_;
    std::size_t sending_ = 0; ///< Connections with something unsent. Under sending_mutex_.
    std::thread thread_;
};

} // namespace coordinator::http
