#pragma once

#include "common/clock.hpp"
#include "common/result.hpp"
#include "coordinator/http/options.hpp"
#include "coordinator/http/wire/exchange.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <set>
#include <vector>

namespace coordinator::http {

class Poller;

/// The threads that answer requests: a fixed number with small stacks (pthreads,
/// because std::thread cannot set a stack's size), fed from one bounded queue.
class Workers {
public:
    /// `poller` gets connections back; it outlives the threads.
    Workers(const Options& options, Responder& responder, Poller& poller);
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// `resource_exhausted` when the system gives no more threads.
    common::Result<> start();
    /// Takes the connection, or leaves it and returns false when the queue is full.
    bool submit(Connection& connection);

    /// From now on every reply ends its connection. True when no request is under
    /// way any more, false at the deadline.
    bool drain(common::SteadyTime deadline);
    /// Cuts what is under way and joins: returns once every handler has returned.
    void stop();

    /// Threads with a connection in hand.
    [[nodiscard]] std::size_t busy() const noexcept { return busy_.load(); }

private:
    static void* entry(void* self);
    void run();
    /// True when a whole further head is there; waits for it only while threads are spare.
    bool next_head(Connection& connection) const;
    After serve_one(Exchange& exchange, Connection& connection);

    const Options& options_;
    Responder& responder_;
    Poller& poller_;
    std::vector<pthread_t> threads_; ///< Of the thread that starts and stops.
    std::atomic<std::size_t> busy_{0};
    std::atomic<bool> draining_{false};
    std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable idle_;
    // Under mutex_:
    std::deque<Connection> queue_;
    std::set<int> sockets_; ///< In the hands of a thread.
    bool stopping_ = false;
};

} // namespace coordinator::http
