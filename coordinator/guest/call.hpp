#pragma once

#include "common/digest/digest.hpp"
#include "coordinator/core/live_execs.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>

namespace coordinator::guest {

/// One call of a guest's agent, as its caller sees it (proto/guest_calls.hpp). What the guest sends
/// is bounded, but not believed. One thread, but for on_news() and what it is given.
class Call {
public:
    /// The agent has begun with it. `request`: its `call` and `request` are set.
    static common::Result<std::unique_ptr<Call>>
    begin(LiveExecs& execs, const Caller& caller, const common::SandboxId& id, LiveRequest request);
    /// What still runs of it is ended.
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    /// The next head, waited for. An error: what ended the call instead.
    common::Result<std::string> head(std::chrono::milliseconds patience);
    /// The next head if it is there.
    common::Result<std::optional<std::string>> head_now(std::size_t at_most);

    /// The body, in pieces of any size, and its end. Blocks while the guest does not read.
    /// `failed_precondition` if it has ended: it has said why.
    common::Result<> put(std::string_view bytes);
    common::Result<> put_end();

    /// What follows the heads.
    void on_news(std::function<void()> news)
    {
        execs_.is_not_blocked(exec_);
        feed_->on_news(std::move(news));
    }
    std::string take(std::size_t size);
    /// All of it was taken.
    [[nodiscard]] bool ended() const { return end_.has_value() && bytes_.empty(); }
    /// It ended, and did not do what it was to.
    [[nodiscard]] bool failed() const { return end_.has_value() && !*end_; }
    void close();

private:
    Call(LiveExecs& execs,
         Caller caller,
         common::SandboxId id,
         common::CommandId exec,
         std::shared_ptr<ExecFeed> feed);
    struct News;

    /// Takes over what the feed has, until there are `size` bytes.
    void gather(std::size_t size);
    void take_event(ExecEvent event);
    common::Result<> send(StdinPiece piece);
    common::Result<> put_unsent();

    LiveExecs& execs_;
    const Caller caller_;
    const common::SandboxId id_;
    const common::CommandId exec_;
    std::shared_ptr<ExecFeed> feed_;
    std::shared_ptr<News> news_;
    std::string bytes_;
    std::optional<common::Result<>> end_; ///< How it ended.
    std::string unsent_;                  ///< Of the body: each input is a round trip.
    common::digest::Hasher hasher_;
};

} // namespace coordinator::guest
