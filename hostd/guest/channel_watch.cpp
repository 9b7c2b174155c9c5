// Those who watch what live execs write, and hold none of them up.
#include "hostd/guest/channel.hpp"

#include "proto/wire_reading.hpp"

#include <utility>
#include <vector>

namespace hostd::guest {

void Channel::watch(Watching* watching)
{
    watching_ = watching;
    for (auto& [operation, run] : runs_) {
        auto* const live = run.exec.live();
        if (live == nullptr || !run.exec.spec().call.empty()) {
            continue; // What a call says is for who called.
        }
        live->unwatch();
        if (watching == nullptr) {
            continue;
        }
        if (const auto from = watching->from.find(operation); from != watching->from.end()) {
            live->watch(from->second);
        } else if (!run.outcome) {
            live->watch(live->end());
        }
    }
    tell_watched();
}

/// It began, or was found to run, while somebody watches.
void Channel::watch_new(Run& run)
{
    auto* const live = run.exec.live();
    if (watching_ == nullptr || live->is_watched() || !run.exec.spec().call.empty()) {
        return;
    }
    const auto from = watching_->from.find(run.exec.spec().operation);
    live->watch(from == watching_->from.end() ? 0 : from->second);
}

/// False: there is nothing more of it, or no credit for it.
bool Channel::tell_watched_piece(Run& run)
{
    auto* const live = run.exec.live();
    auto piece = live == nullptr ? std::nullopt : live->next_watched(watching_->credit);
    if (!piece) {
        return false;
    }
    watching_->credit -= piece->data.size() + proto::piece_overhead;
    watching_->last = run.exec.spec().operation;
    readers_({{run.exec.spec().operation, watching_->number},
              ReaderNews::Kind::output,
              piece->stdio == proto::Stdio::err,
              piece->position,
              std::move(piece->data)});
    return true;
}

/// What is left then is missed.
void Channel::end_watched(Run& run, common::SteadyTime now)
{
    auto* const live = run.exec.live();
    if (watching_ != nullptr && live->owes_watched_end() &&
        (live->is_all_watched() || now >= run.ended_at + limits_.watch_patience)) {
        readers_({{run.exec.spec().operation, watching_->number},
                  ReaderNews::Kind::end,
                  false,
                  live->end(),
                  {}});
        live->unwatch();
    }
}

/// Of one that has written or ended. While there is credit nothing of the others waits.
void Channel::tell_watched_of(Run& run)
{
    if (watching_ != nullptr) {
        while (tell_watched_piece(run)) {
        }
        end_watched(run, clock_.steady());
    }
}

/// In turn, so that one that floods leaves credit for the others.
void Channel::tell_watched()
{
    if (watching_ == nullptr) {
        return;
    }
    std::vector<Run*> turns;
    const auto first = runs_.upper_bound(watching_->last);
    for (auto run = first; run != runs_.end(); ++run) {
        turns.push_back(&run->second);
    }
    for (auto run = runs_.begin(); run != first; ++run) {
        turns.push_back(&run->second);
    }
    for (bool more = true; std::exchange(more, false);) {
        for (auto* const run : turns) {
            more = tell_watched_piece(*run) || more;
        }
    }
    for (auto* const run : turns) {
        if (run->exec.live() != nullptr) {
            end_watched(*run, clock_.steady());
        }
    }
}

} // namespace hostd::guest
