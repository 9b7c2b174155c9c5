#pragma once

#include "common/clock.hpp"
#include "coordinator/core/store.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

namespace coordinator::store {

/// One call of Store::write.
struct Call {
    std::vector<Change> changes;
    Store::Committed done;
    common::SteadyTime deadline; ///< Past it the caller gets an answer, whatever is known.
};
using Batch = std::vector<Call>;

/// What waits to be written, bounded by calls and by bytes. Any thread puts in; the writer
/// takes out.
class WriteQueue {
public:
    struct Bounds {
        std::size_t calls;
        std::size_t bytes;
        std::size_t batch;
    };
    explicit WriteQueue(Bounds bounds) : bounds_{bounds} {}

    /// Over a bound, or closed: the call is answered at once and `false`.
    bool put(Call call);

    /// The oldest calls, in order, no more than a batch; waits until `until` for the first.
    Batch take(common::SteadyTime until);

    /// Those past their deadline.
    Batch take_late(common::SteadyTime now);

    struct Depth {
        std::size_t calls;
        std::size_t bytes;
    };
    [[nodiscard]] Depth depth() const;

    /// Refuses more; what is in it may still be taken.
    void close();
    [[nodiscard]] bool finished() const;

private:
    Call pop();

    struct Item {
        Call call;
        std::size_t bytes;
    };
    const Bounds bounds_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Item> items_;
    std::size_t bytes_ = 0;
    bool closed_ = false;
};

} // namespace coordinator::store
