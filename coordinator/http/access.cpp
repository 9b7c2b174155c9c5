#include "coordinator/http/access.hpp"

#include "common/digest/base64.hpp"
#include "coordinator/http/wire/listener.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;

bool equal_ignoring_case(std::string_view a, std::string_view b)
{
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// "[::1]:8080" -> "[::1]", "name:80" -> "name".
std::string_view without_port(std::string_view authority)
{
    const auto bracket = authority.rfind(']');
    const auto colon = authority.rfind(':');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
        return authority;
    }
    return authority.substr(0, colon);
}

bool is_known_name(const Options& options, std::string_view host)
{
    return equal_ignoring_case(host, "localhost") ||
           std::ranges::any_of(options.allowed_hosts, [&](const std::string& allowed) {
               return equal_ignoring_case(host, allowed);
           });
}

/// What follows `scheme` in an Authorization header; nothing if it is another one.
std::string_view after_scheme(std::string_view authorization, std::string_view scheme)
{
    return authorization.size() > scheme.size() &&
                   equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)
               ? authorization.substr(scheme.size())
               : std::string_view{};
}

/// The token presented, or nothing.
std::string_view presented(const Head& head)
{
    if (const auto* authorization = head.find("authorization")) {
        if (const auto token = after_scheme(*authorization, "bearer "); !token.empty()) {
            return token;
        }
    }
    const auto* key = head.find("x-api-key");
    return key != nullptr ? std::string_view{*key} : std::string_view{};
}

std::string_view bytes_of(const common::digest::Sha256& digest)
{
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// The actor of a token.
common::Result<std::string> known(const Options& options, std::string_view token)
{
    if (options.auth == Auth::none) {
        return std::string{"anonymous"};
    }
    const auto digest = common::digest::of(token);
    const Token* found = nullptr;
    for (const auto& one : options.tokens) { // All of them: time tells nothing.
        if (common::digest::equal_constant_time(bytes_of(one.sha256), bytes_of(digest))) {
            found = &one;
        }
    }
    if (token.empty() || found == nullptr) {
        return Error{ErrorCode::permission_denied,
                     "a valid token is needed: Authorization: Bearer <token> or X-API-Key",
                     "unauthenticated"};
    }
    return "token:" + found->name;
}

} // namespace

common::Result<> check_origin(const Options& options, const Head& head)
{
    const auto* host = head.find("host");
    const auto name = host != nullptr ? without_port(*host) : std::string_view{};
    if (!is_known_name(options, name) && !is_address(name)) {
        return Error{ErrorCode::permission_denied,
                     "the Host header names a host this API does not serve; add it to the "
                     "allowed hosts if it is right",
                     "host_not_allowed"};
    }
    const auto* origin = head.find("origin");
    if (origin == nullptr) {
        return {};
    }
    const auto scheme_end = origin->find("://");
    const auto authority = scheme_end == std::string::npos
                               ? std::string_view{}
                               : std::string_view{*origin}.substr(scheme_end + 3);
    const bool same = host != nullptr && equal_ignoring_case(authority, *host);
    if (!same && !is_known_name(options, without_port(authority))) {
        return Error{ErrorCode::permission_denied,
                     "requests from this Origin are not allowed",
                     "origin_not_allowed"};
    }
    return {};
}

common::Result<std::string> authenticate(const Options& options, const Head& head)
{
    return known(options, presented(head));
}

common::Result<std::string> authenticate_browser(const Options& options, const Head& head)
{
    const auto* authorization = head.find("authorization");
    const auto basic =
        authorization != nullptr ? after_scheme(*authorization, "basic ") : std::string_view{};
    if (basic.empty()) {
        return authenticate(options, head);
    }
    const auto pair = common::digest::from_base64(basic).value_or("");
    const auto colon = pair.find(':');
    return known(options, colon == std::string::npos ? "" : pair.substr(colon + 1));
}

} // namespace coordinator::http
