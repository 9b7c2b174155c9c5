#include "coordinator/http/query_fields.hpp"
#include "coordinator/http/rest/event_text.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/parsers.hpp"

// What a sandbox uses, and what its console says.
namespace coordinator::http::rest {

using common::Result;

namespace {

constexpr Range tail_bytes{1, 256 << 10};
constexpr std::uint32_t usual_tail = 64U << 10U;

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

} // namespace coordinator::http::rest
