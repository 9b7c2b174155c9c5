#include "client/session.hpp"

#include "common/id.hpp"

#include <array>
#include <fmt/format.h>
#include <thread>

namespace client {

using common::Error;
using common::ErrorCode;

namespace {

// Long enough for a coordinator that is being restarted to be missed by nobody who waits.
constexpr std::array pauses{std::chrono::milliseconds{200}, std::chrono::milliseconds{600}};

/// As long as a takeover may take, where nobody leads.
constexpr std::array takeover_pauses{std::chrono::milliseconds{200},
                                     std::chrono::milliseconds{600},
                                     std::chrono::milliseconds{1200},
                                     std::chrono::milliseconds{2000},
                                     std::chrono::milliseconds{2000}};

bool is_shortage(const std::string& reason)
{
    return (reason.starts_with("no_") && reason != "no_leader") || reason == "pool_empty" ||
           reason == "disk_full" || reason == "resource_exhausted";
}

ErrorCode code_of(int status, const std::string& reason)
{
    switch (status) {
    case 401:
    case 403: return ErrorCode::permission_denied;
    case 404: return ErrorCode::not_found;
    case 409: return ErrorCode::failed_precondition;
    case 413: return ErrorCode::too_large;
    case 422: return ErrorCode::refused;
    case 429: return ErrorCode::rate_limited;
    case 501: return ErrorCode::unimplemented;
    case 502: return reason == "host_failed" ? ErrorCode::internal : ErrorCode::unavailable;
    case 503: return is_shortage(reason) ? ErrorCode::resource_exhausted : ErrorCode::unavailable;
    case 504: return ErrorCode::timeout;
    default: return status < 500 ? ErrorCode::invalid_argument : ErrorCode::internal;
    }
}

std::string text_at(const nlohmann::json& json, const char* field)
{
    const auto found = json.find(field);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<common::FieldError> fields_of(const nlohmann::json& body)
{
    std::vector<common::FieldError> fields;
    for (const auto& field : body.value("errors", nlohmann::json::array())) {
        fields.push_back({text_at(field, "field"), text_at(field, "message")});
    }
    return fields;
}

Error no_answer(const std::string& method,
                const std::string& path,
                const ApiClient::Reply& reply,
                const std::string& url)
{
    if (!reply.sent) {
        return Error{
            ErrorCode::unavailable, "cannot reach the coordinator at " + url, "unreachable"};
    }
    const auto what =
        fmt::format("{} {} at {} got no answer ({})", method, path, url, reply.failure);
    if (method == "GET") {
        return Error{ErrorCode::unavailable, what, "unreachable"};
    }
    return Error{
        ErrorCode::timeout, what + ": it may have been done, and may still be", "outcome_unknown"};
}

} // namespace

common::Result<std::string> text_of(const nlohmann::json& body)
{
    try {
        return body.dump();
    } catch (const nlohmann::json::exception&) {
        return Error{ErrorCode::invalid_argument,
                     "what is to be sent has bytes that are no UTF-8, and so no text"};
    }
}

Error error_of(const ApiClient::Reply& reply, const std::string& url)
{
    const auto body = reply.json();
    if (!body.is_object() || text_at(body, "error").empty()) {
        return Error{code_of(reply.status, ""),
                     fmt::format("{} answered {} without saying why: is it a Paddock coordinator?",
                                 url,
                                 reply.status),
                     "no_reason"};
    }
    auto reason = text_at(body, "reason");
    const auto code = code_of(reply.status, reason);
    return Error{
        code, text_at(body, "error"), std::move(reason), fields_of(body), text_at(body, "details")};
}

common::Result<nlohmann::ordered_json> parse(const std::string& body, const std::string& url)
{
    auto json = nlohmann::ordered_json::parse(body, nullptr, false);
    if (!json.is_object()) {
        return Error{ErrorCode::internal,
                     url + " answered with what is no JSON object: is it a Paddock coordinator?",
                     "not_json"};
    }
    return json;
}

std::string encoded(std::string_view text)
{
    std::string result;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        result += plain ? std::string{c} : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return result;
}

Session::Session(Options options)
    : options_{std::move(options)}, http_{options_.url, options_.token}
{
    if (!options_.pause) {
        options_.pause = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
    }
}

common::Result<std::string> Session::get(const std::string& path)
{
    return perform({"GET", path, std::nullopt, ""});
}

common::Result<std::string> Session::del(const std::string& path)
{
    return perform({"DELETE", path, std::nullopt, ""});
}

common::Result<std::string>
Session::post(const std::string& path, const nlohmann::json& body, Asking asking)
{
    const auto key = asking == Asking::keyed ? "key-" + common::random_base32_80() : "";
    COMMON_TRY(auto text, text_of(body));
    return perform({"POST", path, std::move(text), key});
}

common::Result<std::string> Session::put(const std::string& path, const nlohmann::json& body)
{
    COMMON_TRY(auto text, text_of(body));
    return perform({"PUT", path, std::move(text), ""});
}

common::Result<std::string> Session::patch(const std::string& path, const nlohmann::json& body)
{
    COMMON_TRY(auto text, text_of(body));
    return perform({"PATCH", path, std::move(text), ""});
}

ApiClient::Reply Session::attempt(const Call& call)
{
    ApiClient::Headers headers{{"X-Request-ID", options_.request_id}};
    if (!call.key.empty()) {
        headers["Idempotency-Key"] = call.key;
    }
    return http_.send(call.method, call.path, call.body, headers);
}

common::Result<std::string> Session::perform(const Call& call)
{
    auto reply = attempt(call);
    std::size_t lost = 0;
    std::size_t leaderless = 0;
    for (;; reply = attempt(call)) {
        const bool may_repeat = !reply.sent || call.method == "GET" || !call.key.empty();
        if (reply.status == 0 && may_repeat && lost < pauses.size()) {
            options_.pause(pauses.at(lost++));
        } else if (reply.has_no_leader() && leaderless < takeover_pauses.size()) {
            options_.pause(takeover_pauses.at(leaderless++));
        } else {
            break;
        }
    }
    if (reply.status == 0) {
        return no_answer(call.method, call.path, reply, options_.url);
    }
    if (reply.status < 200 || reply.status >= 300) {
        auto error = error_of(reply, options_.url);
        if (!call.key.empty() && error.reason == "idempotency_in_progress") {
            // What was sent before, and got no answer, is under way: that is no refusal.
            return Error{ErrorCode::timeout, error.message, "outcome_unknown"};
        }
        return error;
    }
    return std::move(reply.body);
}

common::Result<ApiClient::Headers>
Session::download(const std::string& path, const std::function<bool(std::string_view)>& take)
{
    std::string refusal;
    const auto reply = http_.stream("GET",
                                    path,
                                    std::nullopt,
                                    {{"X-Request-ID", options_.request_id}},
                                    [&](const ApiClient::Reply& head, std::string_view piece) {
                                        if (head.status >= 300) {
                                            refusal += piece;
                                            return true;
                                        }
                                        return take(piece);
                                    });
    if (reply.status >= 300) {
        auto told = reply;
        told.body = refusal;
        return error_of(told, options_.url);
    }
    if (reply.status == 0) {
        return no_answer("GET", path, reply, options_.url);
    }
    if (!reply.failure.empty()) {
        return Error{
            ErrorCode::unavailable,
            fmt::format("what {} sent ended before its end ({})", options_.url, reply.failure),
            "cut_off"};
    }
    return reply.headers;
}

common::Result<std::string> Session::upload(const std::string& path,
                                            std::optional<std::uint64_t> length,
                                            const ApiClient::Give& give)
{
    const auto reply = http_.put(path, length, {{"X-Request-ID", options_.request_id}}, give);
    if (reply.status == 0) {
        return no_answer("PUT", path, reply, options_.url);
    }
    if (reply.status >= 300) {
        return error_of(reply, options_.url);
    }
    return reply.body;
}

} // namespace client
