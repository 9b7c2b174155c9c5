#include "cli/exit_status.hpp"

namespace cli {

int exit_status_of(const common::Error& error) noexcept
{
    using common::ErrorCode;
    switch (error.code) {
    case ErrorCode::invalid_argument: return exit_usage;
    case ErrorCode::permission_denied: return exit_denied;
    case ErrorCode::not_found: return exit_not_found;
    case ErrorCode::already_exists:
    case ErrorCode::failed_precondition: return exit_conflict;
    case ErrorCode::refused:
    case ErrorCode::too_large: return exit_refused;
    case ErrorCode::rate_limited:
    case ErrorCode::resource_exhausted: return exit_no_capacity;
    case ErrorCode::unavailable: return exit_unreachable;
    case ErrorCode::timeout: return exit_outcome_unknown;
    case ErrorCode::unimplemented:
    case ErrorCode::internal: return exit_failed;
    }
    return exit_failed;
}

std::string exit_status_help()
{
    return "Exit status:\n"
           "  0     done; `run` and `exec` exit with what the command in the sandbox exited with\n"
           "  1     doctor found something that does not work, audit verify a row that does not "
           "fit\n"
           "  2     usage: the request can never succeed as it stands\n"
           "  115   no token, a wrong one, or not allowed\n"
           "  116   not found\n"
           "  117   conflict: it exists already, or is not in a state that allows this\n"
           "  118   refused by policy, by the guest, or too large\n"
           "  119   no capacity, or too many requests at once: try later\n"
           "  120   the coordinator, or what it needs, cannot be reached\n"
           "  121   no answer in time: whether it was done is unknown\n"
           "  125   any other failure\n"
           "  130   interrupted by Ctrl-C\n";
}

} // namespace cli
