#include "coordinator/core/event_tail.hpp"

#include "common/utf8.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t most_followers = 256;
constexpr std::size_t most_exports = 8; ///< Of those, who read the past alone, and all they can.
/// Rows that wait for one reader; one with less room than a look can bring is left out of it.
constexpr std::size_t most_waiting = 1024;
constexpr std::uint32_t look = 256;
/// Between two looks while nothing new is there.
constexpr std::chrono::milliseconds pause{100};

/// Which command an outcome is of: the audit's detail begins with it (core_run.cpp).
common::CommandId command_of(const AuditRow& row)
{
    constexpr std::string_view before = R"({"command_id":")";
    const std::string_view detail = row.detail;
    if (row.kind != AuditRow::Kind::outcome || row.action != "command.run" ||
        !detail.starts_with(before)) {
        return {};
    }
    const auto id = detail.substr(before.size());
    return common::CommandId{std::string{id.substr(0, id.find('"'))}};
}

} // namespace

void cut_outputs(Command& command)
{
    constexpr std::size_t most = std::size_t{16} << 10U;
    for (auto* output : {&command.stdout_text, &command.stderr_text}) {
        command.truncated = command.truncated || output->size() > most;
        output->resize(common::utf8_front(*output, most).size());
    }
}

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
    bell_->rung.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

Result<Following>
EventTail::follow(const Caller& caller, EventFilter filter, std::optional<std::uint64_t> from)
{
    auto until = std::numeric_limits<std::uint64_t>::max();
    std::optional<std::uint64_t> mark;
    if (!from || filter.until_now || filter.marks_now) {
        COMMON_TRY(const auto head, store_.audit_head());
        from = from.value_or(head);
        until = filter.until_now ? head : until;
        mark = filter.marks_now ? std::optional{head} : std::nullopt;
    }
    auto closed = std::make_shared<std::atomic<bool>>(false);
    auto feed = make_feed(closed);
    {
        const std::scoped_lock lock{mutex_};
        std::erase_if(readers_, [](const Reader& reader) { return reader.closed->load(); });
        if (readers_.size() >= most_followers) {
            return Error{ErrorCode::rate_limited,
                         "follow events: " + std::to_string(readers_.size()) + " do already",
                         "too_many_readers"};
        }
        const auto exports = std::ranges::count_if(
            readers_, [](const Reader& reader) { return reader.filter.until_now; });
        if (filter.until_now && static_cast<std::size_t>(exports) >= most_exports) {
            return Error{ErrorCode::rate_limited,
                         "read the past of the audit: " + std::to_string(exports) + " do already",
                         "too_many_readers"};
        }
        readers_.push_back(
            {feed, caller.tenant, std::move(filter), *from, until, mark, std::move(closed)});
        tell_mark(readers_.back());
        if (*from >= until) {
            end(readers_.back());
        }
    }
    bell_->rung.notify_all();
    return Following{std::move(feed), *from};
}

std::shared_ptr<EventFeed> EventTail::make_feed(std::shared_ptr<std::atomic<bool>> closed)
{
    auto itself = std::make_shared<std::weak_ptr<EventFeed>>();
    auto feed = std::make_shared<EventFeed>(
        EventFeed::Ways{[bell = bell_, itself](const AuditEvent&) {
                            // Once for each time that it was full: there is nothing to wait for
                            // then.
                            const auto one = itself->lock();
                            if (one && one->size() == look) {
                                bell->room = true;
                                bell->rung.notify_all();
                            }
                        },
                        [closed = std::move(closed)] { *closed = true; }});
    *itself = feed;
    return feed;
}

void EventTail::run()
{
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        std::erase_if(readers_, [](const Reader& reader) { return reader.closed->load(); });
        if (readers_.empty()) {
            bell_->rung.wait(lock, [this] { return stopping_ || !readers_.empty(); });
        } else if (bell_->room = false; !read_on(lock)) {
            bell_->rung.wait_for(lock, pause, [this] { return stopping_ || bell_->room; });
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
        if (*readers_.back().closed || !has_room(readers_.back()) || !looked.insert(from).second) {
            continue;
        }
        // Only this thread moves positions; who comes meanwhile is served by the next look.
        const auto wanted = wanted_commands();
        lock.unlock();
        auto found = store_.audit_after(from, look);
        if (found) {
            add_commands(*found, wanted);
        }
        lock.lock();
        if (found && !found->empty()) {
            hand_out(*found, from, wanted);
            return true;
        }
        // A database that is away is asked again; nothing is lost.
    }
    return false;
}

bool EventTail::has_room(const Reader& reader)
{
    // Where rows bring commands, no more than one look of them.
    return reader.feed->size() + look <= (reader.filter.with_commands ? look : most_waiting);
}

void EventTail::hand_out(const std::vector<AuditEvent>& events,
                         std::uint64_t from,
                         const std::set<std::string>& with_commands)
{
    const auto to = events.back().seq;
    for (auto& reader : readers_) {
        if (*reader.closed || !has_room(reader) || reader.position < from ||
            reader.position >= to) {
            continue;
        }
        if (reader.filter.with_commands &&
            !with_commands.contains(reader.filter.target.value_or(""))) {
            continue; // It came during this look, which brings none of its commands.
        }
        for (const auto& event : events) {
            if (event.seq > reader.position && event.seq <= reader.until && wants(reader, event)) {
                reader.feed->put(event);
            }
        }
        reader.position = to;
        tell_mark(reader);
        if (to >= reader.until) {
            end(reader);
        }
    }
}

void EventTail::tell_mark(Reader& reader)
{
    if (reader.mark && reader.position >= *reader.mark) {
        AuditEvent here;
        here.seq = *std::exchange(reader.mark, std::nullopt);
        here.ends = true;
        reader.feed->put(std::move(here));
    }
}

void EventTail::end(Reader& reader)
{
    AuditEvent last;
    last.seq = reader.until;
    last.ends = true;
    reader.feed->put(std::move(last));
    *reader.closed = true; // Nothing is read for it any more.
}

bool EventTail::wants(const Reader& reader, const AuditEvent& event)
{
    const auto& [target, host, action, kind, with_commands, until_now, marks_now] = reader.filter;
    const auto& row = event.row;
    // What is nobody's is about the fleet itself.
    const bool visible = row.caller.tenant.empty() || row.caller.tenant == reader.tenant;
    return visible && (!target || *target == row.target) && (!host || *host == row.host) &&
           (!kind || *kind == row.kind) &&
           (!action || *action == row.action || row.action.starts_with(*action + "."));
}

std::set<std::string> EventTail::wanted_commands() const
{
    std::set<std::string> wanted;
    for (const auto& reader : readers_) {
        if (reader.filter.with_commands) {
            wanted.insert(reader.filter.target.value_or(""));
        }
    }
    return wanted;
}

void EventTail::add_commands(std::vector<AuditEvent>& events, const std::set<std::string>& wanted)
{
    for (auto& event : events) {
        const auto id = command_of(event.row);
        if (id.empty() || !wanted.contains(event.row.target)) {
            continue;
        }
        // The row without it is better than none: a database that is away now is asked for the
        // next rows anyway.
        auto found = store_.command(common::SandboxId{event.row.target}, id);
        if (!found || !*found) {
            continue;
        }
        auto command = **std::move(found);
        cut_outputs(command);
        event.command = std::make_shared<const Command>(std::move(command));
    }
}

} // namespace coordinator
