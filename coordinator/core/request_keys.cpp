#include "coordinator/core/request_keys.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

Error reused(const std::string& path)
{
    return {ErrorCode::failed_precondition,
            "this Idempotency-Key was used for another request" +
                (path.empty() ? std::string{} : " (POST " + path + ")") +
                ": the same key is for the same path and body only",
            "idempotency_key_reused"};
}

Error in_progress()
{
    return {ErrorCode::failed_precondition,
            "a request with this Idempotency-Key is under way: ask again for its answer",
            "idempotency_in_progress"};
}

/// Nothing was begun, so that even a write of unknown outcome is only the database's matter.
Error not_claimed(const Error& cause)
{
    const bool busy = cause.code == ErrorCode::rate_limited;
    return {busy ? ErrorCode::rate_limited : ErrorCode::unavailable,
            "note the Idempotency-Key: the database did not record it, and nothing was begun: " +
                cause.message,
            busy ? "database_busy" : "database_unavailable"};
}

std::string lines_of(const std::vector<Begun>& begun)
{
    std::string text;
    for (const auto& one : begun) {
        text += fmt::format("{}{} of {} ({}{}{})",
                            text.empty() ? "" : "\n",
                            one.action,
                            one.target,
                            one.operation,
                            one.status.empty() ? "" : ": ",
                            one.status);
    }
    return text;
}

Error end_unknown(const UsedKey& used, const std::vector<Begun>& begun)
{
    return {ErrorCode::timeout,
            "the first request with this Idempotency-Key (" + used.claim.request.str() +
                ") was begun, and its answer is not known: it was cut short, took too long, or was "
                "too large to be kept; it is not done again" +
                (begun.empty() ? "" : ", see what is on record of it"),
            "outcome_unknown",
            {},
            lines_of(begun)};
}

} // namespace

RequestKeys::RequestKeys(KeyStore& store, const common::Clock& clock, KeySettings settings)
    : store_{store}, clock_{clock}, settings_{settings}
{}

Result<std::optional<KeptAnswer>> RequestKeys::claim(const KeyClaim& claim)
{
    auto verdict = [&]() -> Result<std::optional<KeptAnswer>> {
        COMMON_TRY(auto entered, enter(claim));
        if (entered.answer) {
            return std::move(entered.answer);
        }
        auto found = look(claim, entered);
        if (!found && entered.owes_release) {
            owe(claim.name, Entry::State::owes_release, {});
        } else if (entered.mine && (!found || *found)) {
            forget(claim.name);
        }
        return found;
    }();
    const std::scoped_lock lock{mutex_};
    replays_ += verdict && *verdict ? 1 : 0;
    refusals_ += verdict ? 0 : 1;
    return verdict;
}

/// Whose turn it is, as far as this process knows.
Result<RequestKeys::Entered> RequestKeys::enter(const KeyClaim& claim)
{
    const std::scoped_lock lock{mutex_};
    latest_ = std::max(latest_, claim.used_at);
    const auto [entry, is_new] = entries_.try_emplace(claim.name, Entry{claim.digest});
    if (is_new) {
        return Entered{.mine = true};
    }
    auto& known = entry->second;
    if (known.state == Entry::State::owes_release) {
        --owed_;
        known = Entry{claim.digest};
        return Entered{.mine = true, .owes_release = true};
    }
    if (known.digest != claim.digest) {
        return reused("");
    }
    return known.state == Entry::State::owes_answer
               ? Entered{.answer = known.answer}
               : Entered{.left = known.state == Entry::State::owes_end};
}

/// And as far as the database does. Also for who is not at turn: it may have been answered since.
Result<std::optional<KeptAnswer>> RequestKeys::look(const KeyClaim& claim, Entered& entered)
{
    auto found = store_.find(claim.name);
    if (!found) {
        return not_claimed(found.error());
    }
    const auto& used = *found;
    const bool counts = used && used->claim.used_at + settings_.keep > claim.used_at;
    const bool was_taken_back = entered.owes_release && used && !used->ended;
    if (counts && !was_taken_back && used->claim.digest != claim.digest) {
        return reused(used->claim.path);
    }
    if (counts && used->answer) {
        return used->answer;
    }
    if (!entered.mine) {
        return entered.left && counts ? outcome_unknown(*used) : in_progress();
    }
    if (counts) {
        COMMON_CHECK(may_begin_again(claim, *used));
    }
    COMMON_CHECK(write(claim, !used, entered));
    return std::optional<KeptAnswer>{};
}

/// It was claimed, has no answer, and is not under way here.
Result<> RequestKeys::may_begin_again(const KeyClaim& claim, const UsedKey& used)
{
    const auto begun = store_.begun_by(used.claim.name);
    if (!begun) {
        return not_claimed(begun.error());
    }
    // Who claimed it is gone.
    bool nothing_came_of_it = begun->empty() && !used.ours && claim.is_recorded;
    if (used.ours && !used.ended) {
        const std::scoped_lock lock{mutex_};
        nothing_came_of_it =
            used.claim.used_at > lost_ && std::ranges::none_of(*begun, &Begun::remains);
    }
    return nothing_came_of_it ? Result<>{} : end_unknown(used, *begun);
}

Error RequestKeys::outcome_unknown(const UsedKey& used)
{
    const auto begun = store_.begun_by(used.claim.name);
    return begun ? end_unknown(used, *begun) : not_claimed(begun.error());
}

Result<> RequestKeys::has_room(const std::string& tenant) const
{
    const std::scoped_lock lock{mutex_};
    const auto found = uses_.find(tenant);
    if (found == uses_.end() || found->second.keys < settings_.max_keys) {
        return {};
    }
    return Error{ErrorCode::rate_limited,
                 fmt::format("{} keys of tenant {} are kept already, each for {} h; "
                             "idempotency_max_keys bounds them, and without an Idempotency-Key the "
                             "request is served",
                             found->second.keys,
                             tenant,
                             settings_.keep.count()),
                 "too_many_idempotency_keys"};
}

Result<> RequestKeys::write(const KeyClaim& claim, bool is_new, Entered& entered)
{
    if (is_new) {
        COMMON_CHECK(has_room(claim.name.tenant));
    }
    auto written = store_.claim(claim);
    if (written) {
        const std::scoped_lock lock{mutex_};
        uses_[claim.name.tenant].keys += is_new ? 1 : 0;
        return {};
    }
    entered.owes_release |= written.error().code == ErrorCode::timeout; // It may be there.
    return not_claimed(written.error());
}

void RequestKeys::keep(const KeyName& name, KeptAnswer answer)
{
    const common::Bytes size{answer.body.size()};
    bool fits = size <= settings_.max_answer;
    {
        const std::scoped_lock lock{mutex_};
        auto& use = uses_[name.tenant];
        // Beyond twice the bound nothing is kept before the oldest have gone.
        fits = fits && use.bytes.count() + size.count() <= 2 * settings_.max_bytes.count();
        untidy_ = untidy_ || use.bytes + size > settings_.max_bytes;
    }
    if (!fits) {
        return leave(name);
    }
    const auto ended = store_.end(name, answer);
    if (!ended && may_be_mended(ended.error())) {
        return owe(name, Entry::State::owes_answer, std::move(answer));
    }
    if (!ended) {
        spdlog::error("an answer could not be kept for who asks again: {}", ended.error().message);
        return leave(name);
    }
    const std::scoped_lock lock{mutex_};
    uses_[name.tenant].bytes += size;
    entries_.erase(name);
}

void RequestKeys::leave(const KeyName& name)
{
    const auto ended = store_.end(name, std::nullopt);
    if (ended) {
        return forget(name);
    }
    if (may_be_mended(ended.error())) {
        return owe(name, Entry::State::owes_end, {});
    }
    lose(name);
}

void RequestKeys::release(const KeyName& name)
{
    if (!take_back(name)) {
        return owe(name, Entry::State::owes_release, {});
    }
    forget(name);
}

/// What remains of it may be on its way out: who comes again looks again.
Result<> RequestKeys::take_back(const KeyName& name)
{
    COMMON_TRY(const auto begun, store_.begun_by(name));
    if (std::ranges::any_of(begun, &Begun::remains)) {
        return {};
    }
    COMMON_CHECK(store_.release(name));
    const std::scoped_lock lock{mutex_};
    auto& keys = uses_[name.tenant].keys;
    keys -= std::min<std::uint64_t>(keys, 1);
    return {};
}

void RequestKeys::lose(const KeyName& name)
{
    const std::scoped_lock lock{mutex_};
    lost_ = latest_;
    entries_.erase(name);
}

void RequestKeys::forget(const KeyName& name)
{
    const std::scoped_lock lock{mutex_};
    const auto entry = entries_.find(name);
    if (entry != entries_.end() && entry->second.state == Entry::State::working) {
        entries_.erase(entry);
    }
}

} // namespace coordinator
