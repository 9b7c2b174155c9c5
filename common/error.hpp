#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace common {

/// What the caller can do about a failure, not where it came from.
///
/// The set is closed on purpose: it is what the HTTP status, the wire code and
/// the retry decision are computed from. The detail belongs in the message.
enum class ErrorCode {
    invalid_argument,    ///< The request can never succeed as it stands.
    permission_denied,   ///< Not for this caller, or closed by configuration.
    not_found,           ///< The named thing does not exist.
    already_exists,      ///< The named thing exists already.
    failed_precondition, ///< It exists, but not in a state that allows this.
    refused,             ///< Well formed, but a policy or the guest refuses it.
    too_large,           ///< A documented bound on a size was passed.
    rate_limited,        ///< Too much at once from this caller; retry later.
    resource_exhausted,  ///< No capacity now; another host may have some.
    unimplemented,       ///< A named feature that this version does not have.
    unavailable,         ///< The peer or the daemon is unreachable; retry.
    timeout,             ///< No answer in time: the outcome is UNKNOWN.
    internal,            ///< A bug, or a library broke its own contract.
};

std::string_view to_string(ErrorCode code) noexcept;

/// The inverse of to_string; an unknown name (a newer peer) is `internal`.
ErrorCode error_code_from(std::string_view name) noexcept;

/// One field of a request that is wrong, by its path ("labels.team").
struct FieldError {
    std::string field;
    std::string message;

    friend bool operator==(const FieldError&, const FieldError&) = default;
};

/// A failure, ready to be logged or sent: a code to branch on, a message to read
/// (what was attempted, on what, why), and a stable snake_case reason that
/// clients may match on. Never holds a secret.
struct Error {
    ErrorCode code;
    std::string message;
    std::string reason{};             ///< Empty: to_string(code) is the reason.
    std::vector<FieldError> fields{}; ///< For invalid_argument.
    std::string details{};            ///< More lines for people: per-host reasons, stderr.

    /// Prepends what was being attempted: "start vm-7: Domain not found".
    Error during(std::string_view attempt) &&
    {
        message = std::string{attempt} + ": " + message;
        return std::move(*this);
    }

    /// `reason`, or the code's own name where no finer one was given.
    [[nodiscard]] std::string_view stable_reason() const noexcept
    {
        return reason.empty() ? to_string(code) : std::string_view{reason};
    }
};

} // namespace common
