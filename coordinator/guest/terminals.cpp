#include "coordinator/guest/terminals.hpp"

#include "coordinator/guest/call.hpp"
#include "coordinator/guest/terminal_words.hpp"
#include "coordinator/guest/words.hpp"

namespace coordinator::guest {

using common::Result;

namespace {

/// Longer than the guest's own with tmux, which is asked up to three things in a row.
constexpr std::chrono::seconds patience{60};

LiveRequest live_of(const TerminalRequest& request)
{
    LiveRequest live;
    const std::string word{to_string(request.action)};
    // What is typed is not recorded: it may be a password.
    live.argv = {"terminal", word};
    for (const auto& part : {request.target, request.name, request.command}) {
        if (!part.empty()) {
            live.argv.push_back(part);
        }
    }
    live.user = request.user;
    live.call = proto::TerminalCall::kind;
    live.request = proto::encode_call(call_of(request));
    live.audited_as = changes_terminals(request.action) ? "terminal_" + word : "";
    live.attempt = "use the terminals of";
    if (request.action != TerminalAction::watch) {
        live.timeout = patience;
    }
    return live;
}

class PaneWatch final : public TerminalWatch {
public:
    explicit PaneWatch(std::unique_ptr<Call> call) : call_{std::move(call)} {}

    void on_news(std::function<void()> news) override { call_->on_news(std::move(news)); }
    std::optional<TerminalPiece> take() override
    {
        auto head = call_->head_now(proto::max_call_head);
        if (!head || !*head) {
            ended_ = ended_ || !head;
            return std::nullopt;
        }
        auto news = proto::decode_call<proto::TerminalNews>(**head);
        if (!news) {
            ended_ = true;
            return std::nullopt;
        }
        return piece_of(*std::move(news));
    }
    [[nodiscard]] bool ended() const override { return ended_; }
    void close() override { call_->close(); }

private:
    std::unique_ptr<Call> call_;
    bool ended_ = false;
};

Result<TerminalAnswer> first_answer(Call& call)
{
    COMMON_TRY(const auto head, call.head(patience));
    return terminal_answer_of(head);
}

} // namespace

Result<TerminalAnswer>
Terminals::ask(const Caller& caller, const common::SandboxId& id, const TerminalRequest& request)
{
    COMMON_TRY(const auto call, Call::begin(execs_, caller, id, live_of(request)));
    auto answer = first_answer(*call);
    const bool lacks =
        answer && ((request.action == TerminalAction::create_session && answer->sessions.empty()) ||
                   (request.action == TerminalAction::create_pane && answer->panes.empty()));
    if (lacks) {
        answer = makes_no_sense({common::ErrorCode::internal, "it does not say what was made"});
    }
    if (!answer && changes_terminals(request.action)) {
        return after_begin_of_change(std::move(answer).error());
    }
    return answer;
}

Result<std::unique_ptr<TerminalWatch>>
Terminals::watch(const Caller& caller, const common::SandboxId& id, const TerminalRequest& request)
{
    COMMON_TRY(auto call, Call::begin(execs_, caller, id, live_of(request)));
    COMMON_CHECK(first_answer(*call));
    return std::unique_ptr<TerminalWatch>{std::make_unique<PaneWatch>(std::move(call))};
}

} // namespace coordinator::guest
