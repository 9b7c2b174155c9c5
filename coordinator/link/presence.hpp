#pragma once

#include "common/id.hpp"
#include "common/mutex.hpp"

#include <set>

namespace coordinator::link {

/// Which hosts have a session now, for those who are about to send. Any thread; the
/// link's own thread alone changes it.
class Presence {
public:
    void add(const common::HostName& host) EXCLUDES(mutex_)
    {
        const common::MutexLock lock{mutex_};
        hosts_.insert(host);
    }
    void remove(const common::HostName& host) EXCLUDES(mutex_)
    {
        const common::MutexLock lock{mutex_};
        hosts_.erase(host);
    }
    void clear() EXCLUDES(mutex_)
    {
        const common::MutexLock lock{mutex_};
        hosts_.clear();
    }
    [[nodiscard]] bool has(const common::HostName& host) const EXCLUDES(mutex_)
    {
        const common::MutexLock lock{mutex_};
        return hosts_.contains(host);
    }

private:
    mutable common::Mutex mutex_;
    std::set<common::HostName> hosts_ GUARDED_BY(mutex_);
};

} // namespace coordinator::link
