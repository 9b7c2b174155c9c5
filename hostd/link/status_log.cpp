#include "hostd/link/status_log.hpp"

#include <set>

namespace hostd::link {

const StatusLog::Entry& StatusLog::add(SandboxStatus status)
{
    if (entries_.size() >= capacity_) {
        collapse();
    }
    return entries_.emplace_back(Entry{++last_, std::move(status)});
}

void StatusLog::acknowledge(std::uint64_t seq)
{
    if (seq > last_) {
        return;
    }
    while (!entries_.empty() && entries_.front().seq <= seq) {
        entries_.pop_front();
    }
}

void StatusLog::collapse()
{
    std::set<common::SandboxId> seen;
    std::deque<Entry> latest;
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        if (seen.insert(entry->status.spec.id).second) {
            latest.push_front(std::move(*entry));
        }
    }
    entries_ = std::move(latest);
    while (entries_.size() >= capacity_) {
        entries_.pop_front(); // More sandboxes than entries: an inventory follows each welcome.
    }
}

} // namespace hostd::link
