#include "coordinator/http/rest/audit_models.hpp"
#include "coordinator/http/rest/audit_parsers.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/parsers.hpp"

namespace coordinator::http::rest {

using common::Result;

namespace {

/// {<field>: the rows, has_more, next_cursor?}.
Json page_json(const char* field,
               Json (*to_item)(const AuditEvent&),
               const AuditQuery& query,
               const AuditPage& page)
{
    Json json{{field, Json::array()}, {"has_more", page.next.has_value()}};
    for (const auto& row : page.rows) {
        json[field].push_back(to_item(row));
    }
    if (page.next) {
        json["next_cursor"] = audit_cursor(query, *page.next);
    }
    return json;
}

/// A row a line, until the feed says that it ends. Cut off before that, nobody takes it for whole.
class ExportStream final : public ReplyStream {
public:
    explicit ExportStream(std::shared_ptr<EventFeed> feed) : feed_{std::move(feed)} {}

    void on_news(std::function<void()> news) override { feed_->on_news(std::move(news)); }
    std::string take(std::size_t size) override
    {
        std::string text;
        while (!ended_ && text.size() < size) {
            const auto event = feed_->take();
            if (!event) {
                break;
            }
            ended_ = event->ends;
            text += ended_ ? "" : audit_line(*event);
        }
        return text;
    }
    [[nodiscard]] bool ended() const override { return ended_; }
    [[nodiscard]] std::string sign_of_life() const override { return {}; }
    void close() override { feed_->close(); }

private:
    std::shared_ptr<EventFeed> feed_;
    bool ended_ = false;
};

} // namespace

Result<Reply> list_audit(const Context& context, const Request& request)
{
    COMMON_TRY(const auto query, parse_audit_list(request.query));
    COMMON_TRY(const auto page, context.service.audit().page(request.caller, query));
    return Reply{.body = text_of(page_json("rows", audit_row_json, query, page))};
}

Result<Reply> query_audit(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "query the audit"));
    COMMON_TRY(const auto query, parse_audit_query(request.body));
    COMMON_TRY(const auto page, context.service.audit().page(request.caller, query));
    auto json = page_json("entries", audit_entry_json, query, page);
    if (page.total) {
        json["total_count"] = *page.total;
    }
    return Reply{.body = text_of(json)};
}

Result<Reply> export_audit(const Context& context, const Request& request)
{
    COMMON_TRY(const auto after, parse_audit_export(request.query));
    EventFilter filter;
    filter.until_now = true;
    COMMON_TRY(auto following,
               context.service.events().follow(request.caller, std::move(filter), after));
    Reply reply;
    reply.content_type = "application/x-ndjson";
    reply.headers.emplace_back("Cache-Control", "no-store");
    reply.headers.emplace_back("Content-Disposition", "attachment; filename=\"audit.ndjson\"");
    reply.stream = std::make_shared<ExportStream>(std::move(following.feed));
    return reply;
}

Result<Reply> verify_audit(const Context& context, const Request& request)
{
    COMMON_CHECK(parse_no_query(request.query, "verify the audit"));
    COMMON_TRY(const auto check, context.service.audit().verify(request.caller));
    return Reply{.body = text_of(audit_check_json(check))};
}

Result<Reply> audit_stats(const Context& context, const Request& request)
{
    COMMON_TRY(const auto span, parse_audit_span(request.query));
    COMMON_TRY(const auto counts, context.service.audit().counts(request.caller, span));
    return Reply{.body = text_of(audit_counts_json(counts))};
}

} // namespace coordinator::http::rest
