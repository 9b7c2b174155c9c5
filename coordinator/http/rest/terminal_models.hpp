#pragma once

#include "coordinator/core/guest_terminals.hpp"
#include "coordinator/http/reply_stream.hpp"
#include "coordinator/http/rest/json_text.hpp"

#include <memory>

// How replies show a sandbox's terminals: as the tmux client's API does, and more.
namespace coordinator::http::rest {

/// The reply to what was asked for and answered so.
Json terminal_answer_json(const TerminalRequest& request, const TerminalAnswer& answer);

/// Server-sent events: `connected`, then `screen`, `output` and `size` as they come, `ended` last.
class PaneStream final : public ReplyStream {
public:
    PaneStream(std::string pane, std::unique_ptr<TerminalWatch> watch)
        : pane_{std::move(pane)}, watch_{std::move(watch)}
    {}

    void on_news(std::function<void()> news) override { watch_->on_news(std::move(news)); }
    std::string take(std::size_t size) override;
    [[nodiscard]] bool ended() const override { return told_end_; }
    [[nodiscard]] std::string sign_of_life() const override;
    void close() override { watch_->close(); }

private:
    const std::string pane_;
    std::unique_ptr<TerminalWatch> watch_;
    std::uint64_t told_ = 0; ///< Numbers them for this reader alone: there is no way back.
    bool begun_ = false;
    bool told_end_ = false;
};

} // namespace coordinator::http::rest
