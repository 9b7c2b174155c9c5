#pragma once

#include "coordinator/core/allowance.hpp"
#include "coordinator/core/streams.hpp"

namespace coordinator {

/// Who watches what the live execs of a sandbox write. However many they are, its host knows of
/// one watch, and has credit for no more than a window of output; what of it came is granted anew
/// at a rate, of each sandbox and of each host. So a flood costs this process that rate, wherever
/// it comes from, and nobody waits for anybody.
///
/// The core's own, and of its thread.
class Core::Streams::Watching {
public:
    explicit Watching(Streams& streams) : streams_{streams}, core_{streams.core_} {}

    /// `rate_limited` (too_many_readers).
    common::Result<OutputWatch> add(const common::SandboxId& id);
    /// It was given to its host.
    void begun(const Command& record);
    /// Its outcome is recorded. Those who watch are told of its end once its host has said that it
    /// was all; at once, if nothing can be expected of that host.
    void ended(const Command& record);
    /// False: it is for a reader.
    bool on_news(const HostReaderNews& news);
    /// False: it answers something else.
    bool on_answer(const HostAnswer& answer);
    void on_connected(const common::HostName& host);
    void tick();

private:
    struct Watcher {
        std::uint64_t number;
        std::shared_ptr<WatchFeed> feed;
    };
    struct Run {
        common::CommandId command;
        /// Its host has told all up to here; nothing: it began before, and has been silent.
        std::optional<std::uint64_t> position;
        std::optional<WatchedEnd> end;            ///< As it was told.
        std::optional<common::SteadyTime> end_by; ///< It is recorded; then the end is told.
    };
    struct Watched {
        explicit Watched(Allowance rate) : allowance{rate} {}
        Allowance allowance;
        common::HostName host;
        std::uint64_t wire = 0;       ///< The watch's number there; 0: the host knows of none.
        common::OperationId asked_as; ///< Under which it answers that it does not know of such.
        bool refused = false;         ///< It has: it is older than that.
        std::uint64_t owed = 0;       ///< Of the window, what there is no credit for.
        std::map<common::OperationId, Run> runs;
        std::vector<Watcher> watchers;
    };
    using Entry = std::map<common::SandboxId, Watched>::iterator;

    void open(Entry watched);
    void close_on_host(Entry watched);
    std::uint64_t grantable(Watched& watched);
    void take_output(Watched& watched, Run& run, const HostReaderNews& news) const;
    /// Whether it may be forgotten: its outcome is recorded.
    static bool tell_end(Watched& watched, Run& run, std::optional<std::uint64_t> total);
    static void end_overdue(Watched& watched, common::SteadyTime now);
    void leave(const common::SandboxId& id, std::uint64_t number);

    Streams& streams_;
    Core& core_;
    std::map<common::SandboxId, Watched> watched_;
    std::map<std::uint64_t, common::SandboxId> by_wire_;
    std::map<common::OperationId, common::SandboxId> by_question_;
    std::map<common::HostName, Allowance> hosts_;
    common::SandboxId last_; ///< That was granted something.
    std::size_t watchers_ = 0;
};

} // namespace coordinator
