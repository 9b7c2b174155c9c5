#pragma once

#include "coordinator/core/live_execs.hpp"
#include "coordinator/http/reply_stream.hpp"
#include "coordinator/http/rest/json_text.hpp"

namespace coordinator::http::rest {

/// A live exec, as replies show it.
Json exec_json(const Command& record);

/// A live exec as server-sent events: `start`, `stdout` and `stderr` with what was written, `gap`
/// for what is not kept any more, `keepalive`, and at the end `exit`, or `interrupted` if it is the
/// coordinator's. The id of an event is the position that reading goes on from after it.
class ExecStream final : public ReplyStream {
public:
    /// `from`: the position that was asked for.
    ExecStream(std::shared_ptr<ExecFeed> feed, std::uint64_t from);

    void on_news(std::function<void()> news) override { feed_->on_news(std::move(news)); }
    std::string take(std::size_t size) override;
    [[nodiscard]] bool ended() const override { return ended_; }
    [[nodiscard]] std::string sign_of_life() const override;
    [[nodiscard]] std::string farewell() const override;
    void close() override { feed_->close(); }

private:
    std::string text_of_event(const ExecFeed::Event& event);

    std::shared_ptr<ExecFeed> feed_;
    std::uint64_t position_;
    bool begun_ = false;
    bool ended_ = false;
};

} // namespace coordinator::http::rest
