#include "coordinator/http/gateway.hpp"

#include "common/log/log.hpp"
#include "common/working_on.hpp"
#include "coordinator/http/access.hpp"
#include "coordinator/http/once.hpp"
#include "coordinator/http/target.hpp"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <optional>

namespace coordinator::http {

namespace {

/// Of so many places, how many uploads may hold: a client that sends slowly keeps its own for as
/// long as it likes.
unsigned receiving_places(unsigned places)
{
    return std::max(1U, places / 2);
}

using common::Error;
using common::ErrorCode;

/// What of a target goes into the log and into messages: never the query.
constexpr std::size_t max_shown = 200;

bool may_have_body(const Head& head)
{
    return head.method != "GET" && head.method != "HEAD" && head.method != "OPTIONS";
}

std::string header(const Head& head, std::string_view name)
{
    const auto* value = head.find(name);
    return value == nullptr ? std::string{} : *value;
}

common::Result<> check_body_headers(const Head& head, Body expected)
{
    if (head.framing == Head::Framing::none) {
        return {};
    }
    const auto refusal = [](std::string message) {
        return Error{ErrorCode::invalid_argument, std::move(message), "unsupported_media_type"};
    };
    if (head.find("content-encoding") != nullptr) {
        return refusal("a compressed request body is not accepted");
    }
    if (expected == Body::raw) {
        return {};
    }
    const auto* type = head.find("content-type");
    if (type != nullptr) {
        auto media = type->substr(0, type->find(';'));
        std::ranges::transform(
            media, media.begin(), [](unsigned char c) { return std::tolower(c); });
        media.erase(media.find_last_not_of(' ') + 1);
        if (media != "application/json") {
            return refusal("the request body must be application/json");
        }
    }
    return {};
}

common::Result<std::string> actor_of(Access access, const Options& options, const Head& head)
{
    switch (access) {
    case Access::open: break;
    case Access::token: return authenticate(options, head);
    case Access::browser: return authenticate_browser(options, head);
    }
    return std::string{"-"};
}

/// In place of a Bearer token, which no browser asks its person for.
void ask_for_password(Reply& reply)
{
    for (auto& [name, value] : reply.headers) {
        if (name == "WWW-Authenticate") {
            value = R"(Basic realm="paddock", charset="UTF-8")";
        }
    }
}

Error not_yet(const Route& route)
{
    return Error{ErrorCode::unimplemented,
                 fmt::format("{} {} belongs to \"{}\", which this version does not have yet",
                             to_string(route.method),
                             route.pattern,
                             route.feature),
                 "not_yet"};
}

} // namespace

/// Holds one of the places for requests that may wait, for their client or for a host.
class Gateway::Place {
public:
    Place(std::atomic<unsigned>& working, unsigned most)
        : working_{working}, given_{working.fetch_add(1) < most}
    {}
    ~Place() { --working_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    explicit operator bool() const noexcept { return given_; }

private:
    std::atomic<unsigned>& working_;
    const bool given_;
};

/// One request's own story, for its log line.
struct Gateway::Call {
    common::RequestId request;
    std::string method;
    std::string path;
    std::string actor = "-";
    std::string peer;
    common::SteadyTime received;
    std::string allow; ///< Of a known path.
    Access access = Access::token;
};

Gateway::Gateway(const Options& options,
                 Service& service,
                 Records records,
                 Guests guests,
                 common::Clock& clock,
                 RequestKeys& keys,
                 std::function<std::size_t()> connections)
    : options_{options},
      most_working_{options.working_threads()},
      most_receiving_{receiving_places(most_working_)},
      clock_{clock},
      keys_{keys},
      context_{service,
               records,
               guests,
               clock,
               [this, connections = std::move(connections)] {
                   return counters_.render(connections()) + keys_.metrics();
               }},
      router_{route_table()}
{}

Reply Gateway::respond(const Head& head, BodyReader& body, const Connection& connection)
{
    counters_.begin();
    Call call;
    call.received = clock_.steady();
    call.method = head.method;
    call.path = head.target.substr(0, std::min(head.target.find('?'), max_shown));
    call.peer = connection.peer;
    call.request = common::mint<common::RequestId>();
    const common::WorkingOn now{call.request, {}};
    auto result = [&]() -> common::Result<Reply> {
        try {
            return answer(head, body, call);
        } catch (const std::exception& bug) {
            return Error{ErrorCode::internal, bug.what()};
        }
    }();
    if (!result && result.error().code == ErrorCode::internal) {
        spdlog::error("http {} {} failed: {} {} ({})",
                      call.method,
                      call.path,
                      result.error().message,
                      result.error().details,
                      call.request.str());
    }
    auto reply = result ? *std::move(result) : error_reply(result.error(), call.request);
    if (reply.status == 405) {
        reply.headers.emplace_back("Allow", call.allow);
    }
    if (reply.status == 401 && call.access == Access::browser) {
        ask_for_password(reply);
    }
    finish(call, reply);
    counters_.end();
    return reply;
}

Reply Gateway::refuse(const common::Error& why, const Connection& connection)
{
    Call call;
    call.received = clock_.steady();
    call.method = "-";
    call.path = why.stable_reason();
    call.peer = connection.peer;
    call.request = common::mint<common::RequestId>();
    auto reply = error_reply(why, call.request);
    finish(call, reply);
    return reply;
}

common::Result<Reply> Gateway::answer(const Head& head, BodyReader& body, Call& call) const
{
    if (const auto* wanted = head.find("x-request-id")) {
        COMMON_TRY(call.request, common::parse_request_id(*wanted));
    }
    COMMON_CHECK(check_origin(options_, head));
    COMMON_TRY(auto target, parse_target(head.target));
    const auto match = router_.find(head.method, target.segments);
    call.allow = match.allow;
    call.access = match.route != nullptr ? match.route->access : Access::token;
    if (head.method == "OPTIONS" && (head.target == "*" || !match.allow.empty())) {
        Reply reply;
        reply.headers.emplace_back(
            "Allow",
            head.target == "*" ? "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" : call.allow);
        return reply;
    }
    COMMON_TRY(call.actor, actor_of(call.access, options_, head));
    if (match.allow.empty()) {
        return Error{ErrorCode::not_found, "no route " + call.path, "no_such_route"};
    }
    if (match.route == nullptr) {
        return Error{ErrorCode::invalid_argument,
                     call.method + " is not served by " + call.path + "; use " + call.allow,
                     "method_not_allowed"};
    }
    return handle(head, body, match, std::move(target.query), call);
}

common::Result<Reply> Gateway::handle(
    const Head& head, BodyReader& body, const Router::Match& match, Query query, Call& call) const
{
    if (match.route->handler == nullptr) {
        return not_yet(*match.route);
    }
    COMMON_TRY(auto key, request_key(head));
    if (head.framing != Head::Framing::none && !may_have_body(head)) {
        return Error{ErrorCode::invalid_argument,
                     call.method + " takes no request body",
                     "malformed_request"};
    }
    COMMON_CHECK(check_body_headers(head, match.route->body));
    // Before the body: one that comes slowly holds its thread as a host does that answers slowly.
    std::optional<Place> to_receive;
    if (match.route->body == Body::raw && !to_receive.emplace(receiving_, most_receiving_)) {
        return Error{ErrorCode::rate_limited,
                     fmt::format("{} uploads are being received, half of what http_threads allows",
                                 most_receiving_),
                     "busy"};
    }
    std::optional<Place> place;
    if (match.route->access != Access::open && !place.emplace(working_, most_working_)) {
        return Error{
            ErrorCode::rate_limited,
            fmt::format("{} requests are being served; http_threads bounds them", most_working_),
            "busy"};
    }
    std::string content;
    if (match.route->body == Body::whole) {
        COMMON_TRY(content, body.read());
    }
    const Request request{.caller = {call.actor, "default", call.request},
                          .path = match.parameters,
                          .query = std::move(query),
                          .body = std::move(content),
                          .received = call.received,
                          .last_event_id = header(head, "last-event-id"),
                          .key = std::move(key),
                          .range = header(head, "range"),
                          .upgrade = header(head, "upgrade"),
                          .content = [&body](const BodySink& sink) { return body.read_to(sink); }};
    const auto& route = *match.route;
    auto answer = request.key.empty() || route.replay == Replay::by_handler
                      ? route.handler(context_, request)
                      : answer_once(keys_, route, context_, request, call.path);
    return answer && route.streamed != nullptr
               ? route.streamed(context_, request, *std::move(answer))
               : answer;
}

void Gateway::finish(const Call& call, Reply& reply)
{
    const bool has_id = std::ranges::any_of(
        reply.headers, [](const auto& header) { return header.first == "X-Request-ID"; });
    if (!has_id) {
        reply.headers.emplace_back("X-Request-ID", call.request.str());
    }
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - call.received);
    counters_.count(reply.status, took);
    const auto level =
        options_.access_log == AccessLog::info ? spdlog::level::info : spdlog::level::debug;
    spdlog::log(level,
                "http {} {} {} {:.3f} ms {} {} {}",
                call.method,
                call.path,
                reply.status,
                static_cast<double>(took.count()) / 1000.0,
                call.request.str(),
                call.actor,
                call.peer);
}

} // namespace coordinator::http
