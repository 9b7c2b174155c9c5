#include "coordinator/store/writer.hpp"

#include <algorithm>

namespace coordinator::store {

using common::ErrorCode;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds first_backoff{10};
constexpr std::chrono::milliseconds longest_backoff{500};

common::Error unknown(const common::Error& cause)
{
    return {ErrorCode::timeout,
            "the database did not say whether it was written: " + cause.message,
            "outcome_unknown"};
}

} // namespace

Writer::Writer(const StoreSettings& settings, std::unique_ptr<Tenure> tenure)
    : settings_{settings},
      tenure_{std::move(tenure)},
      queue_{{settings.queue_calls,
              settings.queue_bytes,
              std::max<std::size_t>(1, settings.batch_calls)}}
{}

void Writer::start()
{
    thread_ = std::thread{[this] { run(); }};
}

void Writer::write(std::vector<Change> changes, Store::Committed done)
{
    queue_.put(
        {std::move(changes), std::move(done), steady_clock::now() + settings_.write_patience});
}

void Writer::stop()
{
    {
        const std::scoped_lock lock{stop_mutex_};
        if (end_by_.load() == common::SteadyTime::max()) {
            end_by_ = steady_clock::now() + settings_.drain_timeout;
        }
    }
    queue_.close();
    stop_wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
    tenure_->release();
    // Never started, or ended early: nobody else answers these.
    for (auto batch = queue_.take({}); !batch.empty(); batch = queue_.take({})) {
        answer(batch, common::Error{ErrorCode::unavailable, "the store is closing"});
    }
}

void Writer::run()
{
    while (!queue_.finished()) {
        auto batch = queue_.take(steady_clock::now() + settings_.idle_check);
        if (batch.empty()) {
            // So that a lease lost while nobody writes comes back, or is known to be lost.
            const auto begun = steady_clock::now();
            auto leads = tenure_->probe();
            if (leads) {
                confirmed_ = begun;
            }
            set_state(std::move(leads));
        } else {
            settle(std::move(batch));
        }
    }
}

void Writer::settle(Batch batch)
{
    for (;;) {
        give_up_late(batch, ErrorCode::unavailable);
        if (batch.empty()) {
            return;
        }
        if (!ensure()) {
            if (const auto why = state(); why.error().code != ErrorCode::unavailable) {
                return answer(batch, why);
            }
            pause();
            continue;
        }
        const auto begun = steady_clock::now();
        auto outcome = tenure_->commit(batch);
        count(outcome.end, batch.size(), steady_clock::now() - begun);
        switch (outcome.end) {
        case Tenure::End::committed:
            backoff_ = {};
            confirmed_ = begun;
            set_state({});
            return answer(batch, {});
        case Tenure::End::refused:
            if (batch.size() == 1 || outcome.why.code == ErrorCode::failed_precondition) {
                return answer(batch, std::move(outcome.why));
            }
            return isolate(std::move(batch));
        case Tenure::End::not_written:
            set_state(std::move(outcome.why));
            pause();
            break;
        case Tenure::End::in_doubt:
            set_state(std::move(outcome.why));
            if (find_out(batch)) {
                return;
            }
            break;
        }
    }
}

void Writer::isolate(Batch batch)
{
    for (auto& call : batch) {
        Batch alone;
        alone.push_back(std::move(call));
        settle(std::move(alone));
    }
}

/// True when the batch is dealt with; false: it did not land, try again.
bool Writer::find_out(Batch& batch)
{
    while (!ensure()) {
        const auto why = state();
        if (why.error().code != ErrorCode::unavailable) {
            answer(batch, tenure_->landed().value_or(false) ? common::Result<>{} : why);
            return true;
        }
        give_up_late(batch, ErrorCode::timeout);
        if (out_of_time()) {
            return true;
        }
        pause();
    }
    if (tenure_->landed().value_or(false)) {
        answer(batch, {});
        return true;
    }
    return false;
}

bool Writer::ensure()
{
    auto ready = tenure_->ensure();
    if (!ready) {
        set_state(std::move(ready)); // Only a commit, or quiet, makes it good again.
        return false;
    }
    return true;
}

void Writer::give_up_late(Batch& batch, ErrorCode code)
{
    const auto now = steady_clock::now();
    const bool all = out_of_time();
    const auto late = std::stable_partition(
        batch.begin(), batch.end(), [&](const Call& call) { return !all && call.deadline > now; });
    if (late == batch.end()) {
        return;
    }
    Batch given_up{std::make_move_iterator(late), std::make_move_iterator(batch.end())};
    batch.erase(late, batch.end());
    const auto why = state();
    common::Error error{ErrorCode::unavailable, "the database did not answer in time"};
    if (!why) {
        error = why.error();
    }
    answer(given_up, code == ErrorCode::timeout ? unknown(error) : std::move(error));
}

void Writer::answer(Batch& batch, const common::Result<>& result)
{
    for (auto& call : batch) {
        call.done(result);
    }
    batch.clear();
}

void Writer::set_state(common::Result<> state)
{
    std::string news;
    {
        const common::MutexLock lock{state_mutex_};
        if (state_.has_value() != state.has_value()) {
            news = state ? "PostgreSQL answers again" : state.error().message;
        }
        state_ = std::move(state);
    }
    if (!news.empty() && settings_.report) {
        settings_.report(news);
    }
}

common::Result<> Writer::state() const
{
    const common::MutexLock lock{state_mutex_};
    return state_;
}

StoreFigures Writer::figures() const
{
    const auto depth = queue_.depth();
    const common::MutexLock lock{state_mutex_};
    auto figures = figures_;
    figures.writes = state_.has_value();
    figures.waiting = depth.calls;
    figures.waiting_bytes = depth.bytes;
    return figures;
}

void Writer::count(Tenure::End end, std::size_t writes, common::SteadyTime::duration took)
{
    const common::MutexLock lock{state_mutex_};
    switch (end) {
    case Tenure::End::committed:
        figures_.written += writes;
        figures_.commits.observe(took);
        break;
    case Tenure::End::refused: ++figures_.refused; break;
    case Tenure::End::not_written: ++figures_.not_written; break;
    case Tenure::End::in_doubt: ++figures_.in_doubt; break;
    }
}

/// What waits behind is answered in time, whatever happens to those before it.
void Writer::pause()
{
    auto behind = queue_.take_late(steady_clock::now());
    give_up_late(behind, ErrorCode::unavailable);
    backoff_ = std::clamp(backoff_ * 2, first_backoff, longest_backoff);
    const auto until = std::min(end_by_.load(), steady_clock::now() + backoff_);
    std::unique_lock lock{stop_mutex_};
    // stop() moves end_by_; then the loop shall look at its deadlines, in no hurry.
    stop_wake_.wait_until(lock, until);
}

bool Writer::out_of_time() const
{
    return steady_clock::now() >= end_by_.load();
}

} // namespace coordinator::store
