#pragma once

#include "common/mutex.hpp"
#include "common/semaphore.hpp"

#include <deque>
#include <functional>
#include <thread>
#include <vector>

namespace hostd {

/// A fixed number of threads for calls that block. Jobs start in the order they
/// came; none may throw.
class WorkerPool {
public:
    using Job = std::function<void()>;

    WorkerPool(unsigned threads, std::size_t capacity);
    /// Waits for the jobs that run; those that only wait are dropped.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Any thread. False when too many wait.
    [[nodiscard]] bool submit(Job job);

private:
    void work();

    const std::size_t capacity_;
    std::mutex mutex_;
    std::deque<Job> jobs_; ///< Under mutex_, as is stopping_.
    bool stopping_ = false;
    common::Semaphore available_; ///< One for each job, or for each thread at the end.
    std::vector<std::thread> threads_;
};

} // namespace hostd
