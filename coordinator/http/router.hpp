#pragma once

#include "common/result.hpp"
#include "coordinator/core/guests.hpp"
#include "coordinator/core/records.hpp"
#include "coordinator/core/service.hpp"
#include "coordinator/http/reply.hpp"
#include "coordinator/http/request.hpp"

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coordinator::http {

enum class Method { get, post, put, patch, del, any };
std::string_view to_string(Method method) noexcept; ///< "GET"

enum class Access {
    token,
    browser, ///< The token may also be the password of HTTP Basic.
    open,    ///< Answered without a token.
};

/// Who sees to it that a POST with an Idempotency-Key is done once.
enum class Replay {
    by_gateway, ///< The first answer is kept, and given again.
    unrecorded, ///< Likewise; what is done has no intent, and after a crash nobody knows of it.
    by_handler, ///< It makes its own use of Request::key: what it answers cannot be kept.
};

enum class Body {
    whole, ///< Read at once, within Options::max_body.
    raw,   ///< Bytes of any kind and number: the handler takes them as they come.
};

/// What handlers work with.
struct Context {
    Service& service;
    Records records;
    Guests guests;
    common::Clock& clock;
    std::function<std::string()> http_metrics; ///< Prometheus text.
};

using Handler = common::Result<Reply> (*)(const Context&, const Request&);
/// Makes a stream of what the handler answered, now or when its key was used first.
using Streamer = common::Result<Reply> (*)(const Context&, const Request&, Reply);

/// One line of the route table. `pattern` is made of literal segments, {name} for any one
/// segment and {name...} for all that remain.
struct Route {
    Method method;
    std::string_view pattern;
    Access access;
    Handler handler;          ///< Null: its feature is not built, 501 not_yet.
    std::string_view feature; ///< What the 501 names; for people.
    std::string_view summary;
    Replay replay = Replay::by_gateway;
    Body body = Body::whole;
    Streamer streamed = nullptr; ///< Null: the handler's answer is what the client gets.
};

/// Every route of the HTTP contract, built or not.
std::span<const Route> route_table();

/// Finds routes by segments, literal ones before parameters.
class Router {
public:
    explicit Router(std::span<const Route> routes);
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    struct Match {
        const Route* route = nullptr; ///< Null: no such path, or not by this method.
        std::vector<std::string> parameters;
        std::string allow; ///< "GET, HEAD, OPTIONS"; empty: no such path.
    };
    /// `method` as sent; HEAD is served by GET's route.
    [[nodiscard]] Match find(std::string_view method,
                             const std::vector<std::string>& segments) const;

private:
    struct Node;
    std::unique_ptr<Node> root_;
};

} // namespace coordinator::http
