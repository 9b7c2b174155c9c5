// Live execs: what passes between their readers and their hosts.
#include "coordinator/core/moving.hpp"
#include "coordinator/core/watching.hpp"

#include <algorithm>

namespace coordinator {

namespace {

/// Of the window, so much is granted again at once.
constexpr std::uint32_t grant_step = ExecFeed::window / 4;
/// Ended ones are still listed and read for so long, while there are no more than so many.
constexpr std::chrono::minutes ended_for{10};
constexpr std::size_t most_kept = 4096;
/// For whoever began one to read it.
constexpr std::chrono::seconds starter_patience{5};
/// After its end, for its host to say that a reader has had all of it.
constexpr std::chrono::seconds end_patience{10};

} // namespace

template <typename What>
void Core::Streams::tell_host(const Exec& exec, What what)
{
    HostCommand command;
    command.operation = common::mint<common::OperationId>();
    command.request = common::mint<common::RequestId>();
    command.what = std::move(what);
    // If it does not arrive, the connection is gone, and its readers with it.
    static_cast<void>(core_.link_.send(exec.host, std::move(command)));
}

void Core::Streams::open(const Exec& exec, Reader& reader)
{
    reader.wire = ++readers_;
    // One that only waits for the start has the command wait with what it writes.
    const std::uint64_t held = reader.queued + reader.taken;
    reader.credit =
        reader.feed ? ExecFeed::window - std::min<std::uint64_t>(ExecFeed::window, held) : 0;
    tell_host(exec,
              OpenReaderOnHost{exec.record.sandbox,
                               exec.record.operation,
                               reader.wire,
                               reader.position,
                               static_cast<std::uint32_t>(reader.credit)});
}

void Core::Streams::add_reader(Exec& exec, Reader reader)
{
    reader.since = core_.clock_.steady();
    exec.readers.push_back(std::move(reader));
    open(exec, exec.readers.back());
}

void Core::Streams::drop_starters(Exec& exec)
{
    std::erase_if(exec.readers, [&](const Reader& reader) {
        if (!reader.feed && reader.wire != 0) {
            tell_host(exec,
                      CloseReaderOnHost{exec.record.sandbox, exec.record.operation, reader.wire});
        }
        return !reader.feed;
    });
}

void Core::Streams::sent(const Op& op, const Reply<Command>& begun, bool is_read)
{
    make_room();
    const auto [entry, fresh] = execs_.try_emplace(op->record.id);
    auto& exec = entry->second;
    exec.record = op->record;
    exec.host = op->host;
    if (!fresh) {
        return;
    }
    ++running_;
    exec.begun = begun;
    exec.is_read = is_read;
    by_operation_[op->row.id] = op->record.id;
    watching_->begun(exec.record);
    add_reader(exec, {++readers_, nullptr, 0, 0, 0, 0, 0, {}, false, 0, 0});
}

void Core::Streams::ended(const Command& record)
{
    const auto found = execs_.find(record.id);
    if (found == execs_.end()) {
        return; // It was never given to its host.
    }
    auto& exec = found->second;
    running_ -= exec.ended_at ? 0 : 1;
    exec.record = record;
    exec.ended_at = core_.clock_.steady();
    watching_->ended(record);
    if (record.mode != CommandMode::call || exec.was_read) {
        drop_starters(exec); // Else whoever began it is about to read what it said.
    }
    const auto* host = core_.fleet_.host(exec.host);
    const bool away = host == nullptr || host->host.health == HostHealth::lost;
    for (auto& reader : exec.readers) {
        if (away || reader.has_all) {
            end_reader(exec, reader);
        } else if (reader.wire == 0) {
            open(exec, reader); // Its host may have the rest of it by now.
        }
    }
}

void Core::Streams::end_reader(const Exec& exec, Reader& reader)
{
    if (reader.feed && exec.end > reader.position) {
        reader.feed->put(ExecFeed::Gap{reader.position, exec.end});
    }
    if (reader.feed && !reader.has_all && exec.record.mode == CommandMode::call) {
        reader.feed->put(ExecFeed::Interrupted{}); // Nobody knows whether that was all.
    } else if (reader.feed) {
        reader.feed->put(ExecFeed::Ended{std::max(reader.position, exec.end), exec.record});
    }
    reader.feed = nullptr;
    reader.wire = 0;
    unblock(reader);
}

void Core::Streams::take_output(Reader& reader, const HostReaderNews& news)
{
    const auto size = news.data.size();
    const auto cost = ExecFeed::cost(size);
    reader.credit -= std::min<std::uint64_t>(reader.credit, cost);
    if (!reader.feed || news.position + size <= reader.position) {
        reader.taken += cost;
        return;
    }
    if (news.position > reader.position) {
        reader.feed->put(ExecFeed::Gap{reader.position, news.position});
        reader.position = news.position;
    }
    const auto known = reader.position - news.position;
    reader.feed->put(ExecFeed::Output{news.of_stderr, reader.position, news.data.substr(known)});
    reader.position = news.position + size;
    reader.queued += cost - known;
    reader.taken += static_cast<std::uint32_t>(known);
}

void Core::Streams::on_news(const HostReaderNews& news)
{
    if (watching_->on_news(news)) {
        return;
    }
    const auto known = by_operation_.find(news.operation);
    const auto found = known == by_operation_.end() ? execs_.end() : execs_.find(known->second);
    if (found == execs_.end() || found->second.host != news.host) {
        return;
    }
    auto& exec = found->second;
    const auto reader = std::ranges::find(exec.readers, news.reader, &Reader::wire);
    if (reader == exec.readers.end() || news.reader == 0) {
        return;
    }
    reader->since = core_.clock_.steady();
    switch (news.kind) {
    case HostReaderNews::Kind::started:
        exec.begun(exec.record);
        if (!exec.is_read) {
            drop_starters(exec);
        }
        return;
    case HostReaderNews::Kind::output: take_output(*reader, news); return grant_due(exec, *reader);
    case HostReaderNews::Kind::end:
        exec.end = std::max(exec.end, news.position);
        reader->has_all = true;
        reader->wire = 0;
        if (exec.ended_at) {
            end_reader(exec, *reader);
        }
        break;
    case HostReaderNews::Kind::gone:
        exec.end = std::max(exec.end, news.position);
        reader->wire = 0; // tick() tries again, unless it has ended.
        if (exec.ended_at) {
            end_reader(exec, *reader);
        }
        break;
    }
    std::erase_if(exec.readers, [&exec](const Reader& one) { return !one.feed && exec.ended_at; });
}

void Core::Streams::on_connected(const common::HostName& host)
{
    for (auto& [id, exec] : execs_) {
        if (exec.host != host) {
            continue;
        }
        for (auto& reader : exec.readers) {
            open(exec, reader); // Those of before ended with the connection.
        }
    }
    watching_->on_connected(host);
}

bool Core::Streams::on_answer(const HostAnswer& answer)
{
    auto waiting = inputs_.extract(answer.operation);
    if (!waiting) {
        return watching_->on_answer(answer);
    }
    waiting.mapped()(answer);
    return true;
}

void Core::Streams::taken(const common::CommandId& id, std::uint64_t number, std::uint32_t cost)
{
    const auto found = execs_.find(id);
    if (found == execs_.end()) {
        return;
    }
    auto& exec = found->second;
    const auto reader = std::ranges::find(exec.readers, number, &Reader::number);
    if (reader == exec.readers.end()) {
        return;
    }
    reader->since = core_.clock_.steady();
    reader->queued -= cost;
    reader->taken += cost;
    grant_due(exec, *reader);
}

void Core::Streams::grant_due(const Exec& exec, Reader& reader)
{
    if (reader.wire == 0 || !reader.feed || reader.taken < grant_step) {
        return;
    }
    reader.credit += reader.taken;
    tell_host(exec,
              GrantReaderOnHost{exec.record.sandbox,
                                exec.record.operation,
                                reader.wire,
                                std::exchange(reader.taken, 0)});
}

void Core::Streams::closed(const common::CommandId& id, std::uint64_t number)
{
    const auto found = execs_.find(id);
    if (found == execs_.end()) {
        return;
    }
    auto& exec = found->second;
    std::erase_if(exec.readers, [&](Reader& reader) {
        if (reader.number != number) {
            return false;
        }
        unblock(reader);
        if (reader.wire != 0) {
            tell_host(exec,
                      CloseReaderOnHost{exec.record.sandbox, exec.record.operation, reader.wire});
        }
        return true;
    });
}

/// Nobody will ask for it again. A call is for who began it alone: until it was read its host keeps
/// what it said.
bool Core::Streams::is_past(const Exec& exec, common::SteadyTime now)
{
    if (!exec.ended_at || !exec.readers.empty()) {
        return false;
    }
    const auto age = now - *exec.ended_at;
    if (exec.record.mode != CommandMode::call) {
        return age >= ended_for;
    }
    if (!exec.was_read && age < starter_patience) {
        return false;
    }
    HostCommand forget;
    forget.operation = exec.record.operation;
    forget.request = common::mint<common::RequestId>();
    forget.what = AckExecOnHost{exec.record.sandbox};
    static_cast<void>(core_.link_.send(exec.host, std::move(forget)));
    return true;
}

void Core::Streams::tick()
{
    watching_->tick();
    receivers_.tick([this](const common::SandboxId& id) { return core_.moving_->is_moving(id); });
    const auto now = core_.clock_.steady();
    for (auto entry = execs_.begin(); entry != execs_.end();) {
        auto& exec = entry->second;
        for (auto& reader : exec.readers) {
            if (!exec.ended_at && reader.wire == 0 && !reader.has_all) {
                open(exec, reader);
            } else if (exec.ended_at &&
                       now - std::max(*exec.ended_at, reader.since) >= end_patience &&
                       reader.credit >= ExecFeed::window - grant_step) {
                end_reader(exec, reader); // Nothing is under way to it.
            }
        }
        if (!exec.readers.empty() && !exec.readers.front().feed &&
            now - exec.readers.front().since >= starter_patience && exec.begun.given()) {
            drop_starters(exec);
        }
        std::erase_if(exec.readers, [&](const Reader& one) { return !one.feed && exec.ended_at; });
        if (is_past(exec, now)) {
            by_operation_.erase(exec.record.operation);
            entry = execs_.erase(entry);
        } else {
            ++entry;
        }
    }
}

/// Before one more is kept: the oldest that has ended goes.
void Core::Streams::make_room()
{
    if (execs_.size() < most_kept) {
        return;
    }
    auto oldest = execs_.end();
    for (auto entry = execs_.begin(); entry != execs_.end(); ++entry) {
        if (entry->second.ended_at && entry->second.readers.empty() &&
            (oldest == execs_.end() || entry->second.ended_at < oldest->second.ended_at)) {
            oldest = entry;
        }
    }
    if (oldest != execs_.end()) {
        by_operation_.erase(oldest->second.record.operation);
        execs_.erase(oldest);
    }
}

void Core::Streams::stop()
{
    for (auto& [id, exec] : execs_) {
        for (auto& reader : exec.readers) {
            if (reader.feed) {
                reader.feed->put(ExecFeed::Interrupted{});
            }
        }
    }
    execs_.clear();
    inputs_.clear();
}

} // namespace coordinator
