#include "hostd/link/outbox.hpp"

#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>

namespace hostd::link {

Outbox::Outbox(std::size_t capacity)
    : capacity_{capacity}, wake_fd_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}
{
    if (!wake_fd_) {
        throw std::system_error{errno, std::generic_category(), "eventfd"};
    }
}

bool Outbox::push(Outgoing item)
{
    {
        const common::MutexLock lock{mutex_};
        if (items_.size() >= capacity_) {
            return false;
        }
        items_.push_back(std::move(item));
    }
    wake();
    return true;
}

void Outbox::wake() noexcept
{
    // It cannot block: a full counter already means "awake".
    static_cast<void>(::eventfd_write(wake_fd_.get(), 1));
}

std::deque<Outgoing> Outbox::drain()
{
    eventfd_t ignored = 0;
    static_cast<void>(::eventfd_read(wake_fd_.get(), &ignored)); // EAGAIN: nobody pushed.
    const common::MutexLock lock{mutex_};
    return std::exchange(items_, {});
}

} // namespace hostd::link
