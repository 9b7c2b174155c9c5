#include "hostd/core/worker_pool.hpp"

namespace hostd {

WorkerPool::WorkerPool(unsigned threads, std::size_t capacity) : capacity_{capacity}
{
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

WorkerPool::~WorkerPool()
{
    {
        const std::scoped_lock lock{mutex_};
        stopping_ = true;
    }
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        available_.release();
    }
    for (auto& thread : threads_) {
        thread.join();
    }
}

bool WorkerPool::submit(Job job)
{
    {
        const std::scoped_lock lock{mutex_};
        if (stopping_ || jobs_.size() >= capacity_) {
            return false;
        }
        jobs_.push_back(std::move(job));
    }
    available_.release();
    return true;
}

void WorkerPool::work()
{
    while (true) {
        available_.acquire();
        Job job;
        {
            const std::scoped_lock lock{mutex_};
            if (stopping_) {
                return;
            }
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job();
    }
}

} // namespace hostd
