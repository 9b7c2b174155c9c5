#include "hostd/guest/guest_words.hpp"

#include <arpa/inet.h>

namespace hostd::guest {

using common::Error;
using common::ErrorCode;

std::string printable(std::string_view text, std::size_t limit)
{
    std::string safe;
    for (const char c : text.substr(0, limit)) {
        safe += c >= 0x20 && c < 0x7f ? c : '?';
    }
    return safe;
}

Error error_of(const proto::GuestExecError& error)
{
    constexpr std::size_t message_limit = 512;
    auto message =
        "the guest did not start the command: " + printable(error.message, message_limit);
    if (error.code == "unknown_user" || error.code == "no_such_cwd" ||
        error.code == "not_executable") {
        return {ErrorCode::refused, std::move(message), error.code};
    }
    if (error.code == "unknown_operation") {
        return {ErrorCode::timeout,
                "the guest does not know the command any more: it restarted, or never had it",
                "outcome_unknown"};
    }
    if (error.code == "busy") {
        return {ErrorCode::rate_limited, std::move(message), "guest_busy"};
    }
    if (error.code == "invalid") {
        return {ErrorCode::invalid_argument, std::move(message)};
    }
    return {ErrorCode::internal, std::move(message), "guest_error"};
}

std::vector<std::string> ipv4_of(const proto::GuestNet& net)
{
    constexpr std::size_t most = 16;
    std::vector<std::string> found;
    for (const auto& line : net.addresses) {
        const auto last = line.rfind(' ');
        auto text = line.substr(last == std::string::npos ? 0 : last + 1);
        text = text.substr(0, text.find('/'));
        in_addr address{};
        if (text.find('\0') != std::string::npos ||
            ::inet_pton(AF_INET, text.c_str(), &address) != 1 || text.starts_with("127.") ||
            text.starts_with("169.254.")) {
            continue;
        }
        if (found.size() < most) {
            found.push_back(std::move(text));
        }
    }
    return found;
}

} // namespace hostd::guest
