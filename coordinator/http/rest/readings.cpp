#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rest/event_text.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/parsers.hpp"
#include "vt/picture/console.hpp"

#include <string_view>

// What a sandbox uses, what its console says, and what that looks like.
namespace coordinator::http::rest {

using common::Result;

namespace {

constexpr Range tail_bytes{1, 256 << 10};
constexpr std::uint32_t usual_tail = 64U << 10U;
constexpr Range screen_columns{20, 300};
constexpr Range screen_rows{5, 100};
constexpr vt::Size usual_screen{25, 80};

} // namespace

Result<Reply> sandbox_metrics(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "read a sandbox's metrics"));
    COMMON_TRY(const auto reading, context.service.reading(request.caller, id, 0));
    const auto cpu = std::chrono::duration_cast<std::chrono::milliseconds>(reading.cpu);
    return Reply{.body = text_of(Json{{"sandbox_id", id.str()},
                                      {"at", common::to_rfc3339(context.clock.wall())},
                                      {"running", reading.running},
                                      {"cpu_ms", cpu.count()},
                                      {"memory_bytes", reading.memory.count()},
                                      {"disk_bytes", reading.disk.count()},
                                      {"disk_read_bytes", reading.disk_read.count()},
                                      {"disk_written_bytes", reading.disk_written.count()},
                                      {"received_bytes", reading.received.count()},
                                      {"sent_bytes", reading.sent.count()}})};
}

Result<Reply> sandbox_logs(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    QueryFields fields{request.query};
    const auto tail = fields.integer("tail_bytes", tail_bytes).value_or(usual_tail);
    COMMON_CHECK(fields.finish("read a sandbox's console"));
    COMMON_TRY(const auto reading,
               context.service.reading(request.caller, id, static_cast<std::uint32_t>(tail)));
    Json json{{"sandbox_id", id.str()}};
    set_bytes(json, reading.console);
    json["truncated"] = reading.console_cut;
    return Reply{.body = text_of(json)};
}

/// Drawn on this thread, which belongs to the request: what a guest can make it cost is bounded.
Result<Reply> sandbox_screenshot(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    QueryFields fields{request.query};
    const auto columns = fields.integer("columns", screen_columns).value_or(usual_screen.columns);
    const auto rows = fields.integer("rows", screen_rows).value_or(usual_screen.rows);
    COMMON_CHECK(fields.finish("draw a sandbox's console"));
    COMMON_TRY(
        const auto reading,
        context.service.reading(request.caller, id, static_cast<std::uint32_t>(tail_bytes.high)));
    const std::string_view said = reading.console;
    const auto screen = vt::picture::terminal_after(
        reading.console_cut ? vt::picture::from_a_beginning(said) : said,
        {static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)});
    COMMON_TRY(auto png, vt::picture::picture_of(screen));
    return Reply{.body = std::move(png),
                 .content_type = "image/png",
                 .headers = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}}};
}

} // namespace coordinator::http::rest
