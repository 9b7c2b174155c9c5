// Writing: now, or again until it is recorded.
#include "coordinator/core/pooling.hpp"
#include "coordinator/core/registry.hpp"
#include "coordinator/core/replicating.hpp"

#include "common/log/log.hpp"

#include <algorithm>

namespace coordinator {

using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t max_unsaved = 100'000;
constexpr std::size_t most_flushed = 100; // In one transaction.

} // namespace

void Core::save(std::vector<Change> changes, Then then)
{
    const auto number = ++writing_.begun;
    writing_.under_way.emplace(number, Writing::Waiting{std::move(then), clock_.steady()});
    store_.write(
        std::move(changes),
        [this, loop = loop_, number, work = common::WorkingOn::now()](const Result<>& result) {
            const common::WorkingOn on{work};
            static_cast<void>(loop->post([this, number, result] {
                if (const auto waits = writing_.under_way.extract(number)) {
                    counts_.writes.observe(clock_.steady() - waits.mapped().begun);
                    waits.mapped().then(result);
                }
            }));
        });
}

void Core::save_outcome(std::vector<Change> changes, Then then)
{
    auto kept = changes;
    save(std::move(changes),
         [this, kept = std::move(kept), then = std::move(then)](const Result<>& result) mutable {
             if (!result) {
                 ++counts_.failed_writes;
                 if (writing_.unsaved.size() >= max_unsaved) {
                     spdlog::error("an outcome could not be recorded and is given up: {}",
                                   result.error().message);
                 } else {
                     writing_.keep(std::move(kept), clock_.steady());
                 }
             }
             then(result);
         });
}

/// In slices, so that each fits its deadline however much there is. A sandbox, a checkpoint, a pool
/// and a host are written as they are by then; everything else as it was.
void Core::flush_unsaved()
{
    if (writing_.flushing) {
        return;
    }
    if (writing_.unsaved.empty()) {
        for (const auto& id : std::exchange(dirty_, {})) {
            if (const auto* sandbox = fleet_.find(id); sandbox != nullptr) {
                writing_.keep({*sandbox}, clock_.steady());
            }
        }
    }
    if (writing_.unsaved.empty()) {
        return;
    }
    writing_.flushing = true;
    const auto count = std::min(writing_.flush_size, writing_.unsaved.size());
    const auto end = writing_.unsaved.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Change> slice;
    std::for_each(writing_.unsaved.begin(), end, [&slice](const std::vector<Change>& group) {
        slice.insert(slice.end(), group.begin(), group.end());
    });
    std::ranges::for_each(slice, [this](Change& change) { bring_up_to_date(change); });
    save(std::move(slice), [this, count](const Result<>& saved) { flushed(count, saved); });
}

void Core::flushed(std::size_t count, const Result<>& saved)
{
    writing_.flushing = false;
    const auto end = writing_.unsaved.begin() + static_cast<std::ptrdiff_t>(count);
    if (saved) {
        writing_.unsaved.erase(writing_.unsaved.begin(), end);
        writing_.flush_size = std::min(writing_.flush_size * 2, most_flushed);
        return flush_unsaved();
    }
    ++counts_.failed_writes;
    const auto code = saved.error().code;
    if (code != ErrorCode::internal && code != ErrorCode::invalid_argument) {
        return; // Not now: the next tick tries again.
    }
    // Something in it is refused: it must not keep everything behind it from being written.
    writing_.flush_size = std::max<std::size_t>(count / 2, 1);
    if (count == 1) {
        spdlog::error("the database refuses to record an outcome: {}; trying again",
                      saved.error().message);
        std::rotate(writing_.unsaved.begin(), end, writing_.unsaved.end());
    }
}

void Core::bring_up_to_date(Change& change) const
{
    if (auto* sandbox = std::get_if<Sandbox>(&change); sandbox != nullptr) {
        if (const auto* now = fleet_.find(sandbox->id); now != nullptr) {
            *sandbox = *now;
        }
    } else if (auto* checkpoint = std::get_if<Checkpoint>(&change); checkpoint != nullptr) {
        if (const auto* now = checkpoints_.find(checkpoint->id); now != nullptr) {
            *checkpoint = *now;
        }
    } else if (const auto* replica = std::get_if<Replica>(&change); replica != nullptr) {
        change = replicating_->now(*replica);
    } else if (auto* pool = std::get_if<Pool>(&change); pool != nullptr) {
        pooling_->bring_up_to_date(*pool);
    } else if (auto* image = std::get_if<RegisteredImage>(&change); image != nullptr) {
        registry_->bring_up_to_date(*image);
    } else if (auto* host = std::get_if<Host>(&change); host != nullptr) {
        if (const auto now = fleet_.hosts().find(host->name); now != fleet_.hosts().end()) {
            *host = now->second.host;
        }
    }
}

} // namespace coordinator
