#include "coordinator/guest/call.hpp"

#include "proto/guest_calls.hpp"
#include "proto/wire_reading.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace coordinator::guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t length_bytes = 4;
/// With its length it fits one input.
constexpr std::size_t piece_size = proto::max_input_bytes - length_bytes;
/// How often a guest that takes nothing is tried: each try has its own patience.
constexpr int stall_tries = 3;

Error cut_off(std::string why)
{
    return {ErrorCode::unavailable,
            "the guest's answer was cut off: " + std::move(why),
            "guest_interrupted"};
}

Result<> end_of(const Command& record)
{
    if (record.status == "finished" && record.exit_code == 0 && !record.timed_out) {
        return {};
    }
    if (record.timed_out) {
        return Error{ErrorCode::timeout, "the guest took too long", "guest_timeout"};
    }
    if (record.status == "outcome_unknown") {
        return Error{ErrorCode::timeout, record.stderr_text, "outcome_unknown"};
    }
    return cut_off(record.status == "finished" ? fmt::format("it ended with {}", record.exit_code)
                                               : record.stderr_text);
}

} // namespace

/// Wakes the one who waits. Outlives the call: the feed may still have it.
struct Call::News {
    std::mutex mutex;
    std::condition_variable changed;
    bool any = false;
};

Call::Call(LiveExecs& execs,
           Caller caller,
           common::SandboxId id,
           common::CommandId exec,
           std::shared_ptr<ExecFeed> feed)
    : execs_{execs},
      caller_{std::move(caller)},
      id_{std::move(id)},
      exec_{std::move(exec)},
      feed_{std::move(feed)},
      news_{std::make_shared<News>()}
{
    feed_->on_news([news = news_] {
        const std::scoped_lock lock{news->mutex};
        news->any = true;
        news->changed.notify_all();
    });
}

Call::~Call()
{
    close();
}

void Call::close()
{
    feed_->close();
}

Result<std::unique_ptr<Call>> Call::begin(LiveExecs& execs,
                                          const Caller& caller,
                                          const common::SandboxId& id,
                                          LiveRequest request)
{
    const bool receives = request.receives;
    COMMON_TRY(const auto record, execs.begin(caller, id, std::move(request)));
    COMMON_TRY(auto feed, execs.read(caller, id, record.id, 0));
    if (receives) {
        execs.receives(record.id);
    }
    return std::unique_ptr<Call>{new Call{execs, caller, id, record.id, std::move(feed)}};
}

void Call::take_event(ExecEvent event)
{
    if (auto* output = std::get_if<ExecOutput>(&event)) {
        bytes_ += output->of_stderr ? "" : output->data;
    } else if (std::holds_alternative<ExecGap>(event)) {
        end_ = cut_off("some of it was lost on the way");
    } else if (const auto* ended = std::get_if<ExecEnded>(&event)) {
        end_ = end_of(ended->record);
    } else {
        end_ = cut_off(std::string{std::get<ExecInterrupted>(event).why});
    }
}

void Call::gather(std::size_t size)
{
    while (bytes_.size() < size && !end_) {
        auto event = feed_->take();
        if (!event) {
            return;
        }
        take_event(*std::move(event));
    }
}

Result<std::optional<std::string>> Call::head_now(std::size_t at_most)
{
    gather(length_bytes);
    if (bytes_.size() >= length_bytes) {
        const auto size = proto::call_length_of(bytes_);
        if (size > at_most) {
            return cut_off("it is longer than allowed");
        }
        gather(length_bytes + size);
        if (bytes_.size() >= length_bytes + size) {
            auto head = bytes_.substr(length_bytes, size);
            bytes_.erase(0, length_bytes + size);
            return std::optional{std::move(head)};
        }
    }
    if (end_) {
        return *end_ ? cut_off("it ended without one") : end_->error();
    }
    return std::optional<std::string>{};
}

Result<std::string> Call::head(std::chrono::milliseconds patience)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    while (true) {
        COMMON_TRY(auto head, head_now(proto::max_call_head));
        if (head) {
            return *std::move(head);
        }
        std::unique_lock lock{news_->mutex};
        if (!news_->changed.wait_until(lock, until, [this] { return news_->any; })) {
            return Error{
                ErrorCode::timeout, "the guest's agent did not answer in time", "outcome_unknown"};
        }
        news_->any = false;
    }
}

Result<> Call::send(StdinPiece piece)
{
    for (int tried = 1;; ++tried) {
        auto sent = execs_.input(caller_, id_, exec_, piece);
        if (sent || sent.error().stable_reason() != "stdin_full" || tried >= stall_tries) {
            return sent;
        }
    }
}

Result<> Call::put(std::string_view bytes)
{
    hasher_.update(bytes);
    while (!bytes.empty()) {
        const auto taken = bytes.substr(0, piece_size - unsent_.size());
        unsent_.append(taken);
        bytes.remove_prefix(taken.size());
        if (unsent_.size() == piece_size) {
            COMMON_CHECK(put_unsent());
        }
    }
    return {};
}

Result<> Call::put_unsent()
{
    const auto piece = std::exchange(unsent_, {});
    return piece.empty() ? Result<>{}
                         : send({proto::call_length(piece.size()).append(piece), false});
}

Result<> Call::put_end()
{
    COMMON_CHECK(put_unsent());
    auto end = proto::call_length(0);
    const auto digest = hasher_.finish();
    end.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    return send({std::move(end), true});
}

std::string Call::take(std::size_t size)
{
    gather(size);
    auto taken = bytes_.substr(0, size);
    bytes_.erase(0, taken.size());
    return taken;
}

} // namespace coordinator::guest
