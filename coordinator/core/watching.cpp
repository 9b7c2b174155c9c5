#include "coordinator/core/watching.hpp"

#include "common/log/log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coordinator {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t most_watchers = 256;
constexpr std::size_t most_of_one_sandbox = 32;
/// On its way of one sandbox at most: as much as its host keeps of a command, so that what one
/// writes in a moment is seen whole.
constexpr std::uint64_t watch_window = std::uint64_t{512} << 10U;
constexpr std::uint64_t watch_grant_step = watch_window / 8;
constexpr std::uint64_t rate_of_sandbox = std::uint64_t{256} << 10U; ///< Bytes a second.
constexpr std::uint64_t rate_of_host = std::uint64_t{4} << 20U;
/// After an outcome, for its host to say that all was told; it waits for credit a little less.
constexpr std::chrono::seconds watch_end_patience{5};
constexpr std::size_t most_positions = 128; ///< In one message.

} // namespace

Core::Streams::Streams(Core& core)
    : core_{core},
      receivers_{core.fleet_, std::max(1U, core.settings_.most_callers / 2)},
      watching_{std::make_unique<Watching>(*this)}
{}

Core::Streams::~Streams() = default;

Result<OutputWatch> Core::Streams::watch(const Caller& caller, const common::SandboxId& id)
{
    const auto until = core_.clock_.steady() + core_.settings_.grace;
    return core_.ask<OutputWatch>(core_.settings_.grace * 2,
                                  [this, caller, id, until](const Reply<OutputWatch>& reply) {
                                      if (core_.clock_.steady() >= until) {
                                          return reply(no_answer()); // One for ever.
                                      }
                                      const auto seen = may_see(caller, id);
                                      reply(seen ? watching_->add(id) : seen.error());
                                  });
}

Result<OutputWatch> Core::Streams::Watching::add(const common::SandboxId& id)
{
    const auto known = watched_.find(id);
    const auto here = known == watched_.end() ? 0 : known->second.watchers.size();
    if (watchers_ >= most_watchers || here >= most_of_one_sandbox) {
        return Error{
            ErrorCode::rate_limited,
            fmt::format(
                "{} watch sandbox {} already, and {} others", here, id.str(), watchers_ - here),
            "too_many_readers"};
    }
    const auto now = core_.clock_.steady();
    const auto [entry, fresh] =
        watched_.try_emplace(id, Allowance{rate_of_sandbox, watch_window, now});
    auto& watched = entry->second;
    if (fresh) {
        for (const auto& [command, exec] : streams_.execs_) {
            if (exec.record.sandbox == id && exec.record.mode != CommandMode::call &&
                !exec.ended_at) {
                watched.runs[exec.record.operation] = {command, {}, {}, {}};
            }
        }
    }
    const auto number = ++streams_.readers_;
    OutputWatch watch;
    watch.feed = WatchFeed::make([this, loop = core_.loop_, id, number] {
        static_cast<void>(loop->post([this, id, number] { leave(id, number); }));
    });
    for (const auto& [operation, run] : watched.runs) {
        watch.running.insert(run.command);
        if (run.end) {
            watch.feed->put(*run.end);
        }
    }
    watched.watchers.push_back({number, watch.feed});
    ++watchers_;
    if (fresh) {
        open(entry);
    }
    return watch;
}

void Core::Streams::Watching::leave(const common::SandboxId& id, std::uint64_t number)
{
    const auto entry = watched_.find(id);
    if (entry == watched_.end()) {
        return;
    }
    watchers_ -= std::erase_if(entry->second.watchers,
                               [&](const Watcher& one) { return one.number == number; });
    if (entry->second.watchers.empty()) {
        close_on_host(entry);
        watched_.erase(entry);
    }
}

/// Anew: what its host knew of it, it has forgotten.
void Core::Streams::Watching::open(Entry entry)
{
    auto& watched = entry->second;
    by_wire_.erase(watched.wire);
    by_question_.erase(watched.asked_as);
    watched.wire = 0;
    watched.refused = false;
    const auto* sandbox = core_.fleet_.find(entry->first);
    if (sandbox == nullptr || sandbox->host.empty()) {
        return;
    }
    watched.host = sandbox->host;
    watched.owed = watch_window;
    const auto credit = grantable(watched);
    WatchOutputOnHost what{
        entry->first, ++streams_.readers_, static_cast<std::uint32_t>(credit), {}};
    for (const auto& [operation, run] : watched.runs) {
        if (run.position && !run.end && what.from.size() < most_positions) {
            what.from[operation] = *run.position;
        }
    }
    const auto wire = what.watch;
    HostCommand command{
        common::mint<common::OperationId>(), common::mint<common::RequestId>(), 0, std::move(what)};
    const auto asked_as = command.operation;
    if (!core_.link_.send(watched.host, std::move(command))) {
        return; // tick() tries again, and so does its next connection.
    }
    watched.owed -= credit;
    watched.allowance.take(credit);
    hosts_.at(watched.host).take(credit);
    watched.wire = wire;
    watched.asked_as = asked_as;
    by_wire_[wire] = entry->first;
    by_question_[asked_as] = entry->first;
}

void Core::Streams::Watching::close_on_host(Entry entry)
{
    auto& watched = entry->second;
    by_question_.erase(watched.asked_as);
    if (by_wire_.erase(watched.wire) > 0 && !watched.refused) {
        HostCommand command{common::mint<common::OperationId>(),
                            common::mint<common::RequestId>(),
                            0,
                            UnwatchOutputOnHost{entry->first, watched.wire}};
        // If it does not arrive, the connection is gone, and the watch with it.
        static_cast<void>(core_.link_.send(watched.host, std::move(command)));
    }
    watched.wire = 0;
}

/// What of the window may be had now.
std::uint64_t Core::Streams::Watching::grantable(Watched& watched)
{
    const auto now = core_.clock_.steady();
    auto& host = hosts_.try_emplace(watched.host, rate_of_host, rate_of_host, now).first->second;
    return std::min({watched.owed, watched.allowance.left(now), host.left(now)});
}

void Core::Streams::Watching::begun(const Command& record)
{
    const auto found = watched_.find(record.sandbox);
    if (found == watched_.end() || record.mode == CommandMode::call) {
        return;
    }
    found->second.runs[record.operation] = {record.id, 0, {}, {}};
    for (const auto& watcher : found->second.watchers) {
        watcher.feed->put(WatchedBegin{record.id});
    }
}

bool Core::Streams::Watching::tell_end(Watched& watched,
                                       Run& run,
                                       std::optional<std::uint64_t> total)
{
    if (!run.end) {
        run.end = WatchedEnd{run.command, total};
        for (const auto& watcher : watched.watchers) {
            watcher.feed->put(*run.end);
        }
    }
    return run.end_by.has_value();
}

/// Their host has not said by then that all of one was told.
void Core::Streams::Watching::end_overdue(Watched& watched, common::SteadyTime now)
{
    for (auto entry = watched.runs.begin(); entry != watched.runs.end();) {
        auto& run = entry->second;
        const bool is_due = run.end_by && now >= *run.end_by;
        entry = is_due && tell_end(watched, run, std::nullopt) ? watched.runs.erase(entry)
                                                               : std::next(entry);
    }
}

void Core::Streams::Watching::ended(const Command& record)
{
    const auto found = watched_.find(record.sandbox);
    if (found == watched_.end()) {
        return;
    }
    auto& watched = found->second;
    const auto run = watched.runs.find(record.operation);
    if (run == watched.runs.end()) {
        return;
    }
    run->second.end_by = core_.clock_.steady() + watch_end_patience;
    const bool is_over = record.status != "finished" || watched.refused || watched.wire == 0;
    if (run->second.end || is_over) {
        tell_end(watched, run->second, std::nullopt);
        watched.runs.erase(run);
    }
}

void Core::Streams::Watching::take_output(Watched& watched,
                                          Run& run,
                                          const HostReaderNews& news) const
{
    const auto end = news.position + news.data.size();
    const auto had = run.position.value_or(0);
    if (end <= had) {
        return; // Its guest's agent has said it again.
    }
    const auto from = std::max(had, news.position);
    run.position = end;
    const auto piece = std::make_shared<const WatchedPiece>(
        WatchedPiece{run.command, news.of_stderr, from, news.data.substr(from - news.position)});
    for (const auto& watcher : watched.watchers) {
        watcher.feed->put_if_there_is_room(piece);
    }
}

bool Core::Streams::Watching::on_news(const HostReaderNews& news)
{
    const auto known = by_wire_.find(news.reader);
    if (known == by_wire_.end()) {
        return false;
    }
    auto& watched = watched_.at(known->second);
    const auto run = watched.runs.find(news.operation);
    if (watched.host != news.host) {
        return true;
    }
    if (news.kind == HostReaderNews::Kind::output) {
        const auto cost = ExecFeed::cost(news.data.size());
        if (watched.owed + cost > watch_window) {
            return true; // It has no credit for that.
        }
        watched.owed += cost;
        if (run != watched.runs.end() && !run->second.end) {
            take_output(watched, run->second, news);
        }
    } else if (news.kind == HostReaderNews::Kind::end && run != watched.runs.end() &&
               tell_end(watched, run->second, news.position)) {
        watched.runs.erase(run);
    }
    return true;
}

bool Core::Streams::Watching::on_answer(const HostAnswer& answer)
{
    const auto known = by_question_.find(answer.operation);
    if (known == by_question_.end()) {
        return false;
    }
    auto& watched = watched_.at(known->second);
    if (watched.host == answer.host && answer.error) {
        spdlog::debug("host {} tells nobody what live commands write: {}",
                      answer.host.str(),
                      answer.error->message);
        watched.refused = true;
        end_overdue(watched, common::SteadyTime::max());
    }
    return true;
}

void Core::Streams::Watching::on_connected(const common::HostName& host)
{
    for (auto entry = watched_.begin(); entry != watched_.end(); ++entry) {
        if (entry->second.host == host) {
            open(entry); // Those of before ended with the connection.
        }
    }
}

void Core::Streams::Watching::tick()
{
    const auto now = core_.clock_.steady();
    std::vector<Entry> turns;
    const auto first = watched_.upper_bound(last_);
    for (auto entry = first; entry != watched_.end(); ++entry) {
        turns.push_back(entry);
    }
    for (auto entry = watched_.begin(); entry != first; ++entry) {
        turns.push_back(entry);
    }
    for (const auto entry : turns) {
        auto& watched = entry->second;
        end_overdue(watched, now);
        const auto* sandbox = core_.fleet_.find(entry->first);
        if (sandbox != nullptr && sandbox->host != watched.host) {
            close_on_host(entry); // It has moved.
        }
        if (watched.wire == 0 && sandbox != nullptr && sandbox->phase != Phase::destroyed) {
            open(entry);
        }
        const auto amount = watched.wire == 0 || watched.refused ? 0 : grantable(watched);
        if (amount < watch_grant_step) {
            continue;
        }
        HostCommand more{
            common::mint<common::OperationId>(),
            common::mint<common::RequestId>(),
            0,
            WatchOutputOnHost{entry->first, watched.wire, static_cast<std::uint32_t>(amount), {}}};
        if (core_.link_.send(watched.host, std::move(more))) {
            watched.owed -= amount;
            watched.allowance.take(amount);
            hosts_.at(watched.host).take(amount);
            last_ = entry->first;
        }
    }
}

} // namespace coordinator
