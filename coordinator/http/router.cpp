#include "coordinator/http/router.hpp"

#include <algorithm>

namespace coordinator::http {

namespace {

/// Takes the first segment off `pattern`; empty when there is none left.
std::string_view take_segment(std::string_view& pattern)
{
    if (pattern.starts_with('/')) {
        pattern.remove_prefix(1);
    }
    const auto segment = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(segment.size());
    return segment;
}

} // namespace

std::string_view to_string(Method method) noexcept
{
    switch (method) {
    case Method::get: return "GET";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::patch: return "PATCH";
    case Method::del: return "DELETE";
    case Method::any: return "ANY";
    }
    return "ANY";
}

struct Router::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literal;
    std::unique_ptr<Node> parameter;
    std::unique_ptr<Node> rest;
    std::vector<const Route*> routes; ///< That end here, one per method.

    static Node& in(std::unique_ptr<Node>& slot)
    {
        if (!slot) {
            slot = std::make_unique<Node>();
        }
        return *slot;
    }

    const Node* find(std::span<const std::string> segments,
                     std::vector<std::string>& parameters) const
    {
        if (segments.empty()) {
            return routes.empty() ? nullptr : this;
        }
        const auto next = literal.find(segments.front());
        if (next != literal.end()) {
            if (const auto* found = next->second->find(segments.subspan(1), parameters)) {
                return found;
            }
        }
        if (parameter) {
            parameters.push_back(segments.front());
            if (const auto* found = parameter->find(segments.subspan(1), parameters)) {
                return found;
            }
            parameters.pop_back();
        }
        if (rest) {
            for (const auto& segment : segments) {
                parameters.push_back(segment);
            }
            return rest.get();
        }
        return nullptr;
    }
};

Router::Router(std::span<const Route> routes) : root_{std::make_unique<Node>()}
{
    for (const auto& route : routes) {
        Node* node = root_.get();
        auto pattern = route.pattern;
        for (auto segment = take_segment(pattern); !segment.empty();
             segment = take_segment(pattern)) {
            if (segment.ends_with("...}")) {
                node->routes.push_back(&route); // The rest may be empty.
                node = &Node::in(node->rest);
            } else if (segment.starts_with('{')) {
                node = &Node::in(node->parameter);
            } else {
                node = &Node::in(node->literal[std::string{segment}]);
            }
        }
        node->routes.push_back(&route);
    }
}

Router::~Router() = default;

Router::Match Router::find(std::string_view method, const std::vector<std::string>& segments) const
{
    Match match;
    const auto* node = root_->find(segments, match.parameters);
    if (node == nullptr) {
        return match;
    }
    const auto wanted = method == "HEAD" ? std::string_view{"GET"} : method;
    for (const auto* route : node->routes) {
        if (route->method == Method::any || to_string(route->method) == wanted) {
            match.route = route;
        }
        if (route->method == Method::any) {
            match.allow += "GET, HEAD, POST, PUT, PATCH, DELETE, ";
        } else {
            match.allow += std::string{to_string(route->method)} + ", ";
            match.allow += route->method == Method::get ? "HEAD, " : "";
        }
    }
    match.allow += "OPTIONS";
    return match;
}

} // namespace coordinator::http
