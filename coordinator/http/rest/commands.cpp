#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"
#include "coordinator/http/rest/parsers.hpp"

#include <fmt/format.h>

namespace coordinator::http::rest {

namespace {

std::uint64_t microseconds(common::SteadyTime::duration span)
{
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(span).count());
}

/// "http;dur=0.120, core;dur=0.300": where the time went, in milliseconds.
std::string server_timing(const std::map<std::string, std::uint64_t>& timings_us)
{
    std::string text;
    for (const auto& [part, us] : timings_us) {
        text += fmt::format(
            "{}{};dur={:.3f}", text.empty() ? "" : ", ", part, static_cast<double>(us) / 1000.0);
    }
    return text;
}

} // namespace

common::Result<Reply> run_command(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "run a command"));
    COMMON_TRY(auto wanted, parse_run(request.body));
    const auto called = context.clock.steady();
    COMMON_TRY(auto command, context.service.run(request.caller, id, std::move(wanted)));
    const auto returned = context.clock.steady();
    auto& timings = command.timings_us;
    // Around the service; the sending comes on top and is the client's to see.
    timings["http"] = microseconds(called - request.received);
    timings["service"] = microseconds(returned - called);
    Reply reply;
    reply.body = run_body(command);
    reply.headers.emplace_back("Server-Timing", server_timing(timings));
    return reply;
}

common::Result<Reply> list_commands(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto page, parse_page(request.query, "list a sandbox's commands"));
    COMMON_TRY(const auto commands, context.service.commands(request.caller, id, page));
    return Reply{.body = commands_body(commands)};
}

} // namespace coordinator::http::rest
