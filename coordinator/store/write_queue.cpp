#include "coordinator/store/write_queue.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace coordinator::store {

namespace {

/// What a change holds in memory, about: the texts that may be long, and a bit.
std::size_t bytes_of(const Change& change)
{
    constexpr std::size_t base = 512;
    if (const auto* command = std::get_if<Command>(&change)) {
        return base + command->command.size() + command->stdout_text.size() +
               command->stderr_text.size();
    }
    if (const auto* playbook = std::get_if<Playbook>(&change)) {
        return std::accumulate(playbook->tasks.begin(),
                               playbook->tasks.end(),
                               base,
                               [](auto sum, const PlaybookTask& task) {
                                   return sum + base + task.name.size() + task.params.size();
                               });
    }
    if (const auto* plan = std::get_if<Plan>(&change)) {
        return std::accumulate(
            plan->steps.begin(), plan->steps.end(), base, [](auto sum, const PlanStep& step) {
                return sum + base + step.description.size() + step.result.size() +
                       step.error.size();
            });
    }
    if (const auto* row = std::get_if<Template>(&change)) {
        return base + row->description.size() + row->fields.size();
    }
    if (const auto* key = std::get_if<KeyChange>(&change)) {
        const auto* end = std::get_if<KeyEnd>(key);
        return base + (end != nullptr && end->answer ? end->answer->body.size() : 0);
    }
    if (const auto* row = std::get_if<AuditRow>(&change)) {
        return base + row->detail.size();
    }
    return base;
}

} // namespace

bool WriteQueue::put(Call call)
{
    const auto bytes = std::accumulate(
        call.changes.begin(), call.changes.end(), std::size_t{0}, [](auto sum, const auto& change) {
            return sum + bytes_of(change);
        });
    common::Error refusal{common::ErrorCode::unavailable, "the store is closing"};
    {
        const std::scoped_lock lock{mutex_};
        if (!closed_ && items_.size() < bounds_.calls &&
            (items_.empty() || bytes_ + bytes <= bounds_.bytes)) {
            bytes_ += bytes;
            items_.push_back({std::move(call), bytes});
            wake_.notify_one();
            return true;
        }
        if (!closed_) {
            refusal = {common::ErrorCode::rate_limited,
                       fmt::format("{} writes ({} bytes) wait for the database already",
                                   items_.size(),
                                   bytes_),
                       "store_busy"};
        }
    }
    call.done(std::move(refusal));
    return false;
}

Batch WriteQueue::take(common::SteadyTime until)
{
    // One batch holds its texts again as parameters: keep that small.
    constexpr std::size_t batch_bytes = std::size_t{16} << 20U;
    std::unique_lock lock{mutex_};
    wake_.wait_until(lock, until, [this] { return closed_ || !items_.empty(); });
    Batch batch;
    for (std::size_t taken = 0;
         !items_.empty() && batch.size() < bounds_.batch && taken < batch_bytes;) {
        taken += items_.front().bytes;
        batch.push_back(pop());
    }
    return batch;
}

Batch WriteQueue::take_late(common::SteadyTime now)
{
    const std::scoped_lock lock{mutex_};
    Batch late;
    // All have the same patience: the oldest are the first to be late.
    while (!items_.empty() && items_.front().call.deadline <= now) {
        late.push_back(pop());
    }
    return late;
}

Call WriteQueue::pop()
{
    auto call = std::move(items_.front().call);
    bytes_ -= items_.front().bytes;
    items_.pop_front();
    return call;
}

WriteQueue::Depth WriteQueue::depth() const
{
    const std::scoped_lock lock{mutex_};
    return {items_.size(), bytes_};
}

void WriteQueue::close()
{
    const std::scoped_lock lock{mutex_};
    closed_ = true;
    wake_.notify_all();
}

bool WriteQueue::finished() const
{
    const std::scoped_lock lock{mutex_};
    return closed_ && items_.empty();
}

} // namespace coordinator::store
