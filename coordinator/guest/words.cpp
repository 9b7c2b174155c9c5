#include "coordinator/guest/words.hpp"

#include "common/utf8.hpp"

#include <algorithm>
#include <array>

namespace coordinator::guest {

using common::Error;
using common::ErrorCode;

namespace {

/// A guest may refuse, but not speak for anybody else: what is not its own to say is `refused`.
ErrorCode code_of(const std::string& word)
{
    const auto code = common::error_code_from(word);
    switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::permission_denied:
    case ErrorCode::not_found:
    case ErrorCode::already_exists:
    case ErrorCode::failed_precondition:
    case ErrorCode::refused:
    case ErrorCode::too_large:
    case ErrorCode::unimplemented:
    case ErrorCode::unavailable: return code;
    case ErrorCode::resource_exhausted:
    case ErrorCode::rate_limited:
    case ErrorCode::timeout:
    case ErrorCode::internal: break;
    }
    return ErrorCode::refused;
}

} // namespace

std::string shown(std::string text)
{
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return common::is_utf8(text) ? text : std::string{"(not text)"};
}

bool is_word(std::string_view text)
{
    return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

Error refusal_of(proto::CallError said,
                 std::span<const std::string_view> reasons,
                 std::string_view not_found_reason)
{
    const auto code = code_of(said.code);
    const bool is_ours = std::ranges::find(reasons, said.reason) != reasons.end();
    std::string reason{is_ours ? std::string_view{said.reason} : std::string_view{}};
    // "not_found" alone is said of sandboxes.
    if (code == ErrorCode::not_found && (!is_ours || !reason.starts_with("no_such"))) {
        reason = not_found_reason;
    }
    return {code,
            shown(std::move(said.message)),
            std::move(reason),
            {},
            shown(std::move(said.details))};
}

Error after_begin_of_change(Error error)
{
    // The last two: who was asked ended, or kept silent, on the way.
    constexpr std::array<std::string_view, 4> unknown{
        "guest_interrupted", "guest_misbehaved", "terminals_gone", "tmux_silent"};
    if (std::ranges::find(unknown, error.stable_reason()) == unknown.end()) {
        return error;
    }
    return {ErrorCode::timeout,
            std::move(error.message) + "; it may have been done",
            "outcome_unknown"};
}

Error makes_no_sense(const Error& why)
{
    return {ErrorCode::unavailable,
            "the guest's answer makes no sense: " + why.message,
            "guest_misbehaved"};
}

} // namespace coordinator::guest
