#include "common/error.hpp"

#include <array>

namespace common {

std::string_view to_string(ErrorCode code) noexcept
{
    switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::permission_denied: return "permission_denied";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::already_exists: return "already_exists";
    case ErrorCode::failed_precondition: return "failed_precondition";
    case ErrorCode::refused: return "refused";
    case ErrorCode::too_large: return "too_large";
    case ErrorCode::rate_limited: return "rate_limited";
    case ErrorCode::resource_exhausted: return "resource_exhausted";
    case ErrorCode::unimplemented: return "unimplemented";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::internal: return "internal";
    } // No default: the compiler then names the enumerator that was forgotten.
    return "internal";
}

ErrorCode error_code_from(std::string_view name) noexcept
{
    constexpr std::array codes{
        ErrorCode::invalid_argument,
        ErrorCode::permission_denied,
        ErrorCode::not_found,
        ErrorCode::already_exists,
        ErrorCode::failed_precondition,
        ErrorCode::refused,
        ErrorCode::too_large,
        ErrorCode::rate_limited,
        ErrorCode::resource_exhausted,
        ErrorCode::unimplemented,
        ErrorCode::unavailable,
        ErrorCode::timeout,
        ErrorCode::internal,
    };
    for (const auto code : codes) {
        if (to_string(code) == name) {
            return code;
        }
    }
    return ErrorCode::internal;
}

} // namespace common
