#pragma once

#include "common/clock.hpp"
#include "coordinator/core/audit.hpp"
#include "coordinator/core/feed.hpp"
#include "coordinator/core/store.hpp"

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace coordinator {

/// Which rows of the audit a reader wants; what is not said is not asked.
struct EventFilter {
    std::optional<std::string> target; ///< Of a sandbox: its id.
    std::optional<std::string> host;
    std::optional<std::string> action; ///< Or what comes before its dot: "sandbox".
    std::optional<AuditRow::Kind> kind;
    /// With `target`: the outcome of a "command.run" brings the command, as cut_outputs() leaves
    /// it.
    bool with_commands = false;
    /// What is there now, and no more: the last event of the feed is one that `ends`.
    bool until_now = false;
    /// Once all that is there now was told there is an event that `ends`, and more follows.
    bool marks_now = false;
};

/// To what a row may bring: at most 16 KiB of each output.
void cut_outputs(Command& command);

using EventFeed = Feed<AuditEvent>;

struct Following {
    std::shared_ptr<EventFeed> feed;
    std::uint64_t from = 0; ///< What comes after this row follows.
};

/// The port through which events are followed.
class Events {
public:
    virtual ~Events() = default;
    /// What the caller's tenant may see, after row `from` or from now on. Every row once, in order,
    /// whichever coordinator wrote it. `rate_limited` (too_many_readers); any thread.
    virtual common::Result<Following>
    follow(const Caller& caller, EventFilter filter, std::optional<std::uint64_t> from) = 0;
};

/// Reads the audit as it grows, for everybody who follows it: what nobody takes is left in the
/// database. One thread, which sleeps while nobody follows.
class EventTail final : public Events {
public:
    explicit EventTail(Store& store) : store_{store} {}
    ~EventTail() override;
    EventTail(const EventTail&) = delete;
    EventTail& operator=(const EventTail&) = delete;

    void start();
    void stop();
    common::Result<Following>
    follow(const Caller& caller, EventFilter filter, std::optional<std::uint64_t> from) override;

private:
    struct Reader {
        std::shared_ptr<EventFeed> feed;
        std::string tenant;
        EventFilter filter;
        std::uint64_t position;            ///< All up to here was looked at for it.
        std::uint64_t until;               ///< It is told no row behind this one.
        std::optional<std::uint64_t> mark; ///< It is to be told when it has come to this row.
        std::shared_ptr<std::atomic<bool>> closed;
    };

    void run();
    /// One look for those that have room; false if nothing was there.
    bool read_on(std::unique_lock<std::mutex>& lock);
    static bool has_room(const Reader& reader);
    /// To all that have read up to `from` or further.
    void hand_out(const std::vector<AuditEvent>& events,
                  std::uint64_t from,
                  const std::set<std::string>& with_commands);
    static bool wants(const Reader& reader, const AuditEvent& event);
    static void tell_mark(Reader& reader);
    /// It was told all that it is to be told.
    static void end(Reader& reader);
    std::shared_ptr<EventFeed> make_feed(std::shared_ptr<std::atomic<bool>> closed);
    /// Sandboxes whose commands somebody wants to be brought.
    [[nodiscard]] std::set<std::string> wanted_commands() const;
    void add_commands(std::vector<AuditEvent>& events, const std::set<std::string>& wanted);

    Store& store_;
    std::mutex mutex_;
    std::list<Reader> readers_; ///< Under mutex_, as the next.
    bool stopping_ = false;
    /// Feeds have it, too, and may outlive this.
    struct Bell {
        std::condition_variable rung;
        std::atomic<bool> room{false}; ///< A full feed was emptied.
    };
    std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
    std::thread thread_;
};

} // namespace coordinator
