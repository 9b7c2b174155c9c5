#include "coordinator/http/fields.hpp"
#include "coordinator/http/rest/event_text.hpp"
#include "coordinator/http/rest/exec_parsers.hpp"
#include "coordinator/http/rest/exec_stream.hpp"
#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/parsers.hpp"

#include <algorithm>
#include <iterator>

namespace coordinator::http::rest {

using common::Result;

namespace {

Result<common::CommandId> exec_of(const Request& request)
{
    auto id = common::parse_id<common::CommandId>(request.path.at(1));
    if (!id) {
        return common::Error{common::ErrorCode::not_found,
                             "no live command \"" + shown(request.path.at(1)) + "\"",
                             "no_such_exec"};
    }
    return id;
}

Reply streamed(std::shared_ptr<ExecFeed> feed, std::uint64_t from)
{
    return event_stream(std::make_shared<ExecStream>(std::move(feed), from));
}

template <typename Parse>
Result<Reply> give(const Context& context, const Request& request, Parse parse)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto exec, exec_of(request));
    COMMON_CHECK(parse_no_query(request.query, "write to a command"));
    COMMON_TRY(auto input, parse(request.body));
    COMMON_CHECK(
        context.service.live_execs().input(request.caller, id, exec, LiveInput{std::move(input)}));
    Reply reply;
    reply.status = 204;
    return reply;
}

} // namespace

Result<Reply> start_exec(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_CHECK(parse_no_query(request.query, "start a command"));
    COMMON_TRY(auto wanted, parse_exec(request.body));
    COMMON_TRY(const auto record,
               context.service.live_execs().begin(request.caller, id, std::move(wanted)));
    Reply reply;
    reply.status = 201;
    reply.body = text_of(Json{{"exec", exec_json(record)}});
    return reply;
}

Result<Reply> stream_exec(const Context& context, const Request& request, Reply started)
{
    if (started.status != 201) {
        return started;
    }
    COMMON_TRY(const auto wanted, parse_exec(request.body));
    if (!wanted.is_read) {
        return started;
    }
    COMMON_TRY(const auto id, sandbox_of(request));
    const common::CommandId exec{Json::parse(started.body).at("exec").at("id").get<std::string>()};
    COMMON_TRY(auto feed, context.service.live_execs().read(request.caller, id, exec, 0));
    auto reply = streamed(std::move(feed), 0);
    std::ranges::move(started.headers, std::back_inserter(reply.headers));
    return reply;
}

Result<Reply> list_execs(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto page, parse_page(request.query, "list a sandbox's live commands"));
    COMMON_TRY(const auto found, context.service.live_execs().list(request.caller, id));
    const auto position_of = +[](const Command& exec) {
        return Position{common::to_unix_us(exec.started_at), exec.id.str()};
    };
    return Reply{.body =
                     page_body("execs", found, page, &exec_json, position_of, Sorted::descending)};
}

Result<Reply> read_exec(const Context& context, const Request& request)
{
    COMMON_TRY(const auto id, sandbox_of(request));
    COMMON_TRY(const auto exec, exec_of(request));
    COMMON_TRY(const auto from, parse_from(request));
    COMMON_TRY(auto feed, context.service.live_execs().read(request.caller, id, exec, from));
    return streamed(std::move(feed), from);
}

Result<Reply> write_exec(const Context& context, const Request& request)
{
    return give(context, request, &parse_stdin);
}

Result<Reply> signal_exec(const Context& context, const Request& request)
{
    return give(context, request, &parse_signal);
}

Result<Reply> resize_exec(const Context& context, const Request& request)
{
    return give(context, request, &parse_resize);
}

} // namespace coordinator::http::rest
