#pragma once

#include <cerrno>
#include <semaphore.h>

namespace common {

/// How many things wait for whoever comes: for queues with several takers. A condition variable
/// will not do there: glibc before 2.41 may lose a wake-up among several waiters, and then blocks
/// whoever wakes the next (its bug 25847); nor will std::counting_semaphore, which sleeps for
/// ever in GCC 12 (its bug 104928). Any thread.
class Semaphore {
public:
    Semaphore() { ::sem_init(&semaphore_, /*pshared=*/0, /*value=*/0); }
    ~Semaphore() { ::sem_destroy(&semaphore_); }
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    void release() { ::sem_post(&semaphore_); }
    void acquire()
    {
        while (::sem_wait(&semaphore_) != 0 && errno == EINTR) {
        }
    }

private:
    sem_t semaphore_{};
};

} // namespace common
