#pragma once

#include "common/mailbox.hpp"
#include "common/working_on.hpp"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace hostd {

/// A fixed number of threads for calls that block. Jobs start in the order they
/// came, each for whom it was given (working_on.hpp); none may throw.
class WorkerPool {
public:
    using Job = std::function<void()>;

    WorkerPool(unsigned threads, std::size_t capacity);
    /// Waits for the jobs that run; those that only wait are dropped.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Any thread. False when too many wait.
    [[nodiscard]] bool submit(Job job)
    {
        return jobs_.push(common::WorkingOn::carried(std::move(job)));
    }

private:
    common::Mailbox<Job> jobs_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

} // namespace hostd
