#pragma once

#include "common/mutex.hpp"
#include "common/unique_fd.hpp"
#include "coordinator/http/reply_stream.hpp"

#include <sys/eventfd.h>
#include <utility>
#include <vector>

namespace coordinator::http {

/// Which streams have something to send. Any thread; outlives the poller in the hands of those
/// who may still tell.
class StreamNews {
public:
    using Entry = std::pair<int, const ReplyStream*>; ///< Its socket, when it was told of.

    StreamNews() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}
    /// Readable when there is something.
    [[nodiscard]] int fd() const noexcept { return event_.get(); }

    void tell(Entry entry) EXCLUDES(mutex_)
    {
        {
            const common::MutexLock lock{mutex_};
            entries_.push_back(entry);
            if (entries_.size() > 1) {
                return;
            }
        }
        static_cast<void>(::eventfd_write(event_.get(), 1));
    }
    std::vector<Entry> take() EXCLUDES(mutex_)
    {
        eventfd_t count = 0;
        static_cast<void>(::eventfd_read(event_.get(), &count));
        const common::MutexLock lock{mutex_};
        return std::exchange(entries_, {});
    }

private:
    const common::UniqueFd event_;
    common::Mutex mutex_;
    std::vector<Entry> entries_ GUARDED_BY(mutex_);
};

} // namespace coordinator::http
