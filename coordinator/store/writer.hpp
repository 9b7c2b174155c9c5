#pragma once

#include "common/mutex.hpp"
#include "coordinator/store/tenure.hpp"

#include <atomic>
#include <thread>

namespace coordinator::store {

/// The one thread that writes: everything that waits goes into one transaction, then each
/// caller hears of it. It alone uses the tenure from start() on.
class Writer {
public:
    Writer(const StoreSettings& settings, std::unique_ptr<Tenure> tenure);
    ~Writer() { stop(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Before start(), for what the starting thread does with it.
    [[nodiscard]] Tenure& tenure() { return *tenure_; }
    void start();

    /// Any thread.
    void write(std::vector<Change> changes, Store::Committed done);

    /// Writes what waits, bounded by drain_timeout; the rest gets `unavailable`, or
    /// `timeout` where COMMIT had been sent. From another thread than the writer's.
    void stop();

    /// Why writing does not work just now; any thread.
    common::Result<> state() const;
    [[nodiscard]] StoreFigures figures() const;
    /// This process led at a moment that is not before this one, as PostgreSQL said. Any thread.
    [[nodiscard]] common::SteadyTime confirmed() const noexcept { return confirmed_.load(); }

private:
    void run();
    void settle(Batch batch);
    void isolate(Batch batch);
    bool find_out(Batch& batch);
    bool ensure();
    void give_up_late(Batch& batch, common::ErrorCode code);
    static void answer(Batch& batch, const common::Result<>& result);
    void set_state(common::Result<> state);
    void count(Tenure::End end, std::size_t writes, common::SteadyTime::duration took);
    void pause();
    [[nodiscard]] bool out_of_time() const;

    const StoreSettings& settings_;
    std::unique_ptr<Tenure> tenure_;
    WriteQueue queue_;
    mutable common::Mutex state_mutex_;
    common::Result<> state_ GUARDED_BY(state_mutex_);
    StoreFigures figures_ GUARDED_BY(state_mutex_); ///< What is counted of them.
    std::atomic<common::SteadyTime> confirmed_{common::SteadyTime::min()};
    std::chrono::milliseconds backoff_{0}; ///< The writer's own.

    std::mutex stop_mutex_;
    std::condition_variable stop_wake_;
    /// When the writer is to end at the latest; far away until stop().
    std::atomic<common::SteadyTime> end_by_{common::SteadyTime::max()};
    std::thread thread_;
};

} // namespace coordinator::store
