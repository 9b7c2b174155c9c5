#include "coordinator/http/rest/handlers.hpp"
#include "coordinator/http/rest/models.hpp"

namespace coordinator::http::rest {

// Probes and scrapers append parameters of their own: these routes ignore queries.

common::Result<Reply> health(const Context&, const Request&)
{
    return Reply{.body = R"({"status":"ok"})"};
}

common::Result<Reply> alive(const Context&, const Request&)
{
    return Reply{.body = R"({"status":"ok"})"};
}

common::Result<Reply> ready(const Context& context, const Request& request)
{
    const auto state = context.service.health();
    return Reply{.status = state.ready ? 200 : 503,
                 .body = ready_body(state, request.caller.request)};
}

common::Result<Reply> version(const Context&, const Request&)
{
    return Reply{.body = version_body()};
}

common::Result<Reply> metrics(const Context& context, const Request&)
{
    auto text = context.service.metrics();
    if (!text.empty() && text.back() != '\n') {
        text += '\n';
    }
    return Reply{.body = std::move(text) + context.http_metrics(),
                 .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

} // namespace coordinator::http::rest
