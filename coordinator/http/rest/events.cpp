#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rest/audit_models.hpp"
#include "coordinator/http/rest/event_text.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rules.hpp"

namespace coordinator::http::rest {

using common::Result;

namespace {

/// `connected` first, then each row of the audit as an `audit` event whose id is its number;
/// `interrupted` when the coordinator ends.
class EventStream final : public ReplyStream {
public:
    explicit EventStream(Following following)
        : feed_{std::move(following.feed)}, position_{following.from}
    {}

    void on_news(std::function<void()> news) override { feed_->on_news(std::move(news)); }
    std::string take(std::size_t size) override
    {
        std::string text;
        if (!std::exchange(begun_, true)) {
            text = event_text("connected", position_, Json{{"seq", position_}});
        }
        while (text.size() < size) {
            const auto event = feed_->take();
            if (!event) {
                break;
            }
            position_ = event->seq;
            text += event_text("audit", position_, event_json(*event));
        }
        return text;
    }
    [[nodiscard]] bool ended() const override { return false; }
    [[nodiscard]] std::string sign_of_life() const override
    {
        return event_text("keepalive", position_, Json::object());
    }
    [[nodiscard]] std::string farewell() const override { return interrupted_text(position_); }
    void close() override { feed_->close(); }

private:
    std::shared_ptr<EventFeed> feed_;
    std::uint64_t position_;
    bool begun_ = false;
};

} // namespace

Result<Reply> follow_events(const Context& context, const Request& request)
{
    QueryFields fields{request.query};
    EventFilter filter;
    filter.target = fields.text("target", rules::name);
    filter.host = fields.text("host", rules::name);
    filter.action = fields.text("action", rules::label_key);
    if (const auto kind = fields.text("kind", rules::any)) {
        if (*kind != "intent" && *kind != "outcome") {
            fields.wrong("kind", "must be intent or outcome");
        }
        filter.kind = *kind == "intent" ? AuditRow::Kind::intent : AuditRow::Kind::outcome;
    }
    const auto from = fields.position(request.last_event_id);
    COMMON_CHECK(fields.finish("follow events"));
    COMMON_TRY(auto following,
               context.service.events().follow(request.caller, std::move(filter), from));
    return event_stream(std::make_shared<EventStream>(std::move(following)));
}

} // namespace coordinator::http::rest
