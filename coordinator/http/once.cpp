#include "coordinator/http/once.hpp"

#include "common/digest/digest.hpp"
#include "common/log/log.hpp"

#include <algorithm>
#include <exception>
#include <fmt/format.h>

namespace coordinator::http {

namespace {

using common::Error;
using common::ErrorCode;
using common::Result;

constexpr std::size_t max_key = 255;

Error bad_key(std::string what)
{
    return {ErrorCode::invalid_argument,
            "the Idempotency-Key header " + what,
            "",
            {{"Idempotency-Key", std::move(what)}}};
}

/// Each with its length before it: no two requests are one text.
void digest_text(common::digest::Hasher& hasher, std::string_view text)
{
    hasher.update(fmt::format("{}:", text.size()));
    hasher.update(text);
}

std::string digest_of(const Route& route, const Request& request)
{
    common::digest::Hasher hasher;
    digest_text(hasher, route.pattern);
    for (const auto& segment : request.path) {
        digest_text(hasher, segment);
    }
    hasher.update("?");
    for (const auto& [name, value] : request.query) {
        digest_text(hasher, name);
        digest_text(hasher, value);
    }
    hasher.update("\n");
    digest_text(hasher, request.body);
    return common::digest::to_hex(hasher.finish());
}

enum class Then { keep, leave, release };

/// What an answer says about what was done.
Then after(const Error& error)
{
    switch (error.code) {
    // The operation's own, definite word.
    case ErrorCode::not_found:
    case ErrorCode::already_exists:
    case ErrorCode::failed_precondition:
    case ErrorCode::refused: return Then::keep;
    // Nothing was begun, or it is undone.
    case ErrorCode::invalid_argument:
    case ErrorCode::permission_denied:
    case ErrorCode::too_large:
    case ErrorCode::rate_limited:
    case ErrorCode::resource_exhausted:
    case ErrorCode::unimplemented: return Then::release;
    case ErrorCode::unavailable:
        return error.reason == "host_failed" || error.reason == "coordinator_ending"
                   ? Then::leave
                   : Then::release;
    case ErrorCode::timeout:
        return error.reason == "still_starting" ? Then::release
               : error.reason == "not_ready"    ? Then::keep // It is there.
                                                : Then::leave;
    case ErrorCode::internal: return Then::leave;
    }
    return Then::leave;
}

KeptAnswer kept(const Reply& reply)
{
    KeptAnswer answer{reply.status, reply.content_type, reply.headers, reply.body};
    std::erase_if(answer.headers, [](const auto& header) {
        return header.first == "X-Request-ID" || header.first == "Server-Timing";
    });
    return answer;
}

Reply replayed(KeptAnswer answer)
{
    Reply reply{answer.status,
                std::move(answer.body),
                std::move(answer.content_type),
                std::move(answer.headers)};
    reply.headers.emplace_back("Idempotency-Replayed", "true");
    return reply;
}

Result<Reply> handle(const Route& route, const Context& context, const Request& request)
{
    try {
        return route.handler(context, request);
    } catch (const std::exception& bug) {
        return Error{ErrorCode::internal, bug.what()};
    }
}

} // namespace

Result<std::string> request_key(const Head& head)
{
    const auto* key = head.find("idempotency-key");
    if (key == nullptr || head.method != "POST") {
        return std::string{};
    }
    if (std::ranges::count(
            head.headers, "idempotency-key", &decltype(head.headers)::value_type::first) > 1) {
        return bad_key("must be given once");
    }
    const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
    if (key->empty() || key->size() > max_key || !std::ranges::all_of(*key, visible)) {
        return bad_key("must be 1 to 255 visible ASCII characters");
    }
    return *key;
}

Result<Reply> answer_once(RequestKeys& keys,
                          const Route& route,
                          const Context& context,
                          const Request& request,
                          const std::string& path)
{
    const auto& caller = request.caller;
    const KeyClaim claim{{caller.tenant, caller.actor, request.key},
                         digest_of(route, request),
                         path,
                         caller.request,
                         context.clock.wall(),
                         route.replay != Replay::unrecorded};
    COMMON_TRY(auto known, keys.claim(claim));
    if (known) {
        spdlog::info("http POST {} is answered as before ({})", path, caller.request.str());
        return replayed(*std::move(known));
    }
    auto result = handle(route, context, request);
    switch (result ? Then::keep : after(result.error())) {
    case Then::keep:
        keys.keep(claim.name, kept(result ? *result : error_reply(result.error(), caller.request)));
        break;
    case Then::leave: keys.leave(claim.name); break;
    case Then::release: keys.release(claim.name); break;
    }
    return result;
}

} // namespace coordinator::http
