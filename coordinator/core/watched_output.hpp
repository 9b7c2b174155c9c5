#pragma once

#include "common/id.hpp"
#include "coordinator/core/feed.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

namespace coordinator {

// What those who watch a sandbox are told of its live execs, calls left out. Where a position is
// skipped something was missed: nothing ever waits for somebody who only watches.

/// A piece of what one wrote.
struct WatchedPiece {
    common::CommandId command;
    bool of_stderr = false;
    std::uint64_t position = 0; ///< Bytes of stdout and stderr before it, since it began.
    std::string data;
};
/// One was given to its host: more follows, and its end at last.
struct WatchedBegin {
    common::CommandId command;
};
/// Nothing more follows of it.
struct WatchedEnd {
    common::CommandId command;
    std::optional<std::uint64_t> total; ///< All that it wrote, if that is known.
};
using WatchedEvent = std::variant<std::shared_ptr<const WatchedPiece>, WatchedBegin, WatchedEnd>;

/// What one watcher gets. Pieces that it does not take in time are left out of it.
class WatchFeed : public Feed<WatchedEvent> {
public:
    /// Of pieces that wait in it, with what each costs beside its bytes.
    static constexpr std::size_t most_waiting = std::size_t{256} << 10U;
    static constexpr std::size_t piece_overhead = 256;

    static std::shared_ptr<WatchFeed> make(std::function<void()> closed)
    {
        auto waiting = std::make_shared<std::atomic<std::size_t>>(0);
        return std::shared_ptr<WatchFeed>{new WatchFeed{std::move(waiting), std::move(closed)}};
    }
    /// Whoever puts in: one thread.
    void put_if_there_is_room(const std::shared_ptr<const WatchedPiece>& piece)
    {
        const auto cost = piece->data.size() + piece_overhead;
        if (*waiting_ + cost <= most_waiting) {
            *waiting_ += cost;
            put(piece);
        }
    }

private:
    using Waiting = std::shared_ptr<std::atomic<std::size_t>>;
    WatchFeed(Waiting waiting, std::function<void()> closed)
        : Feed{{[waiting](const WatchedEvent& event) {
                    using Piece = std::shared_ptr<const WatchedPiece>;
                    if (const auto* piece = std::get_if<Piece>(&event)) {
                        *waiting -= (*piece)->data.size() + piece_overhead;
                    }
                },
                std::move(closed)}},
          waiting_{std::move(waiting)}
    {}

    const Waiting waiting_;
};

struct OutputWatch {
    std::shared_ptr<WatchFeed> feed;
    /// Those that run already, of which no WatchedBegin is told.
    std::set<common::CommandId> running;
};

} // namespace coordinator
