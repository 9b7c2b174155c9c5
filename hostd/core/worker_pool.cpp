#include "hostd/core/worker_pool.hpp"

namespace hostd {

WorkerPool::WorkerPool(unsigned threads, std::size_t capacity) : jobs_{capacity}
{
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this] {
            while (auto job = jobs_.pop()) {
                if (stopping_) {
                    return;
                }
                (*job)();
            }
        });
    }
}

WorkerPool::~WorkerPool()
{
    stopping_ = true;
    jobs_.close();
    for (auto& thread : threads_) {
        thread.join();
    }
}

} // namespace hostd
