#include "coordinator/core/event_tail.hpp"

#include <set>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t most_followers = 256;
/// Rows that wait for one reader; one with less room than a look can bring is left out of it.
constexpr std::size_t most_waiting = 1024;
constexpr std::uint32_t look = 256;
/// Between two looks while nothing new is there.
constexpr std::chrono::milliseconds pause{100};

} // namespace

EventTail::~EventTail()
{
    stop();
}

void EventTail::start()
{
    thread_ = std::thread{[this] { run(); }};
}

void EventTail::stop()
{
    {
        const std::scoped_lock lock{mutex_};
        stopping_ = true;
    }
    woken_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

Result<Following>
EventTail::follow(const Caller& caller, EventFilter filter, std::optional<std::uint64_t> from)
{
    if (!from) {
        COMMON_TRY(from, store_.audit_head());
    }
    auto closed = std::make_shared<std::atomic<bool>>(false);
    auto feed = std::make_shared<EventFeed>(
        EventFeed::Ways{[](const AuditEvent&) {}, [closed] { *closed = true; }});
    {
        const std::scoped_lock lock{mutex_};
        std::erase_if(readers_, [](const Reader& reader) { return reader.closed->load(); });
        if (readers_.size() >= most_followers) {
            return Error{ErrorCode::rate_limited,
                         "follow events: " + std::to_string(readers_.size()) + " do already",
                         "too_many_readers"};
        }
        readers_.push_back({feed, caller.tenant, std::move(filter), *from, std::move(closed)});
    }
    woken_.notify_all();
    return Following{std::move(feed), *from};
}

void EventTail::run()
{
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        std::erase_if(readers_, [](const Reader& reader) { return reader.closed->load(); });
        if (readers_.empty()) {
            woken_.wait(lock, [this] { return stopping_ || !readers_.empty(); });
        } else if (!read_on(lock)) {
            woken_.wait_for(lock, pause, [this] { return stopping_; });
        }
    }
}

bool EventTail::read_on(std::unique_lock<std::mutex>& lock)
{
    std::set<std::uint64_t> looked;
    for (auto turns = readers_.size(); turns > 0 && !readers_.empty(); --turns) {
        // In turn: one that reads the past must not keep the others from what is new.
        readers_.splice(readers_.end(), readers_, readers_.begin());
        const auto from = readers_.back().position;
        if (!has_room(readers_.back()) || !looked.insert(from).second) {
            continue;
        }
        // Only this thread moves positions; who comes meanwhile is served by the next look.
        lock.unlock();
        const auto found = store_.audit_after(from, look);
        lock.lock();
        if (found && !found->empty()) {
            hand_out(*found, from);
            return true;
        }
        // A database that is away is asked again; nothing is lost.
    }
    return false;
}

bool EventTail::has_room(const Reader& reader)
{
    return reader.feed->size() + look <= most_waiting;
}

void EventTail::hand_out(const std::vector<AuditEvent>& events, std::uint64_t from)
{
    const auto to = events.back().seq;
    for (auto& reader : readers_) {
        if (!has_room(reader) || reader.position < from || reader.position >= to) {
            continue;
        }
        for (const auto& event : events) {
            if (event.seq > reader.position && wants(reader, event)) {
                reader.feed->put(event);
            }
        }
        reader.position = to;
    }
}

bool EventTail::wants(const Reader& reader, const AuditEvent& event)
{
    const auto& [target, host, action, kind] = reader.filter;
    const auto& row = event.row;
    // What is nobody's is about the fleet itself.
    const bool visible = row.caller.tenant.empty() || row.caller.tenant == reader.tenant;
    return visible && (!target || *target == row.target) && (!host || *host == row.host) &&
           (!kind || *kind == row.kind) &&
           (!action || *action == row.action || row.action.starts_with(*action + "."));
}

} // namespace coordinator
