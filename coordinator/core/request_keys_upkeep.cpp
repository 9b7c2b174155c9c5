// What request keys owe to the database, and what time takes from them.
#include "coordinator/core/request_keys.hpp"

#include "common/log/log.hpp"
#include "common/metrics/page.hpp"

#include <algorithm>

namespace coordinator {

using common::ErrorCode;
using common::Result;

Result<> RequestKeys::start()
{
    COMMON_TRY(const auto uses, store_.use());
    count(uses);
    thread_ = std::thread{[this] { run(); }};
    return {};
}

void RequestKeys::stop()
{
    {
        const std::scoped_lock lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_all();
    if (!thread_.joinable()) {
        return;
    }
    thread_.join();
    const auto until = std::chrono::steady_clock::now() + settings_.stop_patience;
    while (!settle_owed(until) && std::chrono::steady_clock::now() < until) {
        constexpr std::chrono::milliseconds pause{50};
        std::this_thread::sleep_for(pause);
    }
    const std::scoped_lock lock{mutex_};
    if (owed_ > 0) {
        spdlog::warn("{} requests with an Idempotency-Key have no end on record: who asks again is "
                     "told what is",
                     owed_);
    }
}

bool RequestKeys::may_be_mended(const common::Error& error)
{
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout ||
           error.code == ErrorCode::rate_limited;
}

void RequestKeys::owe(const KeyName& name, Entry::State what, KeptAnswer answer)
{
    const std::scoped_lock lock{mutex_};
    if (owed_bytes_ + answer.body.size() > settings_.max_owed_bytes.count()) {
        what = Entry::State::owes_end;
        answer = {};
    }
    if (owed_ >= settings_.max_owed) {
        lost_ = what == Entry::State::owes_release ? lost_ : latest_;
        entries_.erase(name);
        return;
    }
    ++owed_;
    owed_bytes_ += answer.body.size();
    auto& entry = entries_.at(name);
    entry.state = what;
    entry.answer = std::move(answer);
}

void RequestKeys::pay(std::map<KeyName, Entry>::iterator entry)
{
    --owed_;
    owed_bytes_ -= entry->second.answer.body.size();
    entries_.erase(entry);
}

bool RequestKeys::settle_owed(common::SteadyTime until)
{
    std::vector<KeyName> owed;
    {
        const std::scoped_lock lock{mutex_};
        for (const auto& [name, entry] : entries_) {
            if (entry.state != Entry::State::working) {
                owed.push_back(name);
            }
        }
    }
    return std::ranges::all_of(owed, [&](const KeyName& name) {
        return settle(name) && std::chrono::steady_clock::now() < until;
    });
}

Result<> RequestKeys::write_owed(const KeyName& name, const Entry& owed)
{
    switch (owed.state) {
    case Entry::State::working: return {};
    case Entry::State::owes_answer:
        if (auto ended = store_.end(name, owed.answer); ended || may_be_mended(ended.error())) {
            return ended;
        }
        return store_.end(name, std::nullopt); // It is refused: at least that it is over.
    case Entry::State::owes_end: return store_.end(name, std::nullopt);
    case Entry::State::owes_release: return take_back(name);
    }
    return {};
}

bool RequestKeys::settle(const KeyName& name)
{
    Entry owed;
    {
        const std::scoped_lock lock{mutex_};
        const auto entry = entries_.find(name);
        if (entry == entries_.end() || entry->second.state == Entry::State::working) {
            return true; // Somebody has taken it up since.
        }
        owed = entry->second;
        if (owed.state == Entry::State::owes_release) {
            entry->second.state = Entry::State::working; // Or it might release a new claim.
        }
    }
    const auto settled = write_owed(name, owed);
    const std::scoped_lock lock{mutex_};
    const auto entry = entries_.find(name);
    if (!settled && may_be_mended(settled.error())) {
        entry->second.state = owed.state;
        return false;
    }
    lost_ = settled || owed.state == Entry::State::owes_release ? lost_ : latest_;
    pay(entry);
    return true;
}

void RequestKeys::upkeep()
{
    settle_owed(common::SteadyTime::max());
    bool due = clock_.steady() - tidied_ >= settings_.tidy_every;
    {
        const std::scoped_lock lock{mutex_};
        due = std::exchange(untidy_, false) || due;
    }
    if (due) {
        tidied_ = clock_.steady();
        tidy();
    }
}

/// A failure leaves things as they are until the next time.
void RequestKeys::tidy()
{
    auto uses = store_.use();
    if (!uses) {
        return;
    }
    const auto used_before = clock_.wall() - settings_.keep;
    const auto is_old = [&](const KeyUse& use) { return use.oldest < used_before; };
    const auto is_full = [&](const KeyUse& use) { return use.bytes > settings_.max_bytes; };
    bool changed = std::ranges::any_of(*uses, is_old) && store_.forget(used_before);
    for (const auto& use : *uses) {
        if (is_full(use)) {
            // A quarter less, so that it is not each time.
            const common::Bytes rest{settings_.max_bytes.count() / 4 * 3};
            changed = store_.trim(use.tenant, use.bytes - rest) || changed;
        }
    }
    if (changed) {
        uses = store_.use();
    }
    if (uses) {
        count(*uses);
        const std::scoped_lock lock{mutex_};
        // More than goes at once: on with it at the next tick.
        untidy_ = untidy_ || (changed && (std::ranges::any_of(*uses, is_old) ||
                                          std::ranges::any_of(*uses, is_full)));
    }
}

void RequestKeys::count(const std::vector<KeyUse>& uses)
{
    const std::scoped_lock lock{mutex_};
    uses_.clear();
    for (const auto& use : uses) {
        uses_[use.tenant] = use;
    }
}

void RequestKeys::run()
{
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, settings_.tick, [this] { return stopping_; })) {
        lock.unlock();
        upkeep();
        lock.lock();
    }
}

std::string RequestKeys::metrics() const
{
    const std::scoped_lock lock{mutex_};
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
    for (const auto& [tenant, use] : uses_) {
        keys += use.keys;
        bytes += use.bytes.count();
    }
    common::metrics::Page page;
    page.gauge("paddock_idempotency_keys", "Keys that are kept, about.").add(keys);
    page.gauge("paddock_idempotency_answer_bytes", "What kept answers hold, about.").add(bytes);
    page.gauge("paddock_idempotency_owed", "What waits for the database.").add(owed_);
    page.counter("paddock_idempotency_replays_total", "Answers given again.").add(replays_);
    page.counter("paddock_idempotency_refusals_total", "Requests refused for their key.")
        .add(refusals_);
    return page.text();
}

} // namespace coordinator
