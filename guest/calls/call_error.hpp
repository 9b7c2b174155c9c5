#pragma once

#include "common/result.hpp"
#include "proto/guest_calls.hpp"

namespace guest::calls {

/// How a refusal travels.
inline proto::CallError call_error(const common::Error& error)
{
    constexpr std::size_t longest_text = 8000;
    return {std::string{to_string(error.code)},
            error.message.substr(0, longest_text),
            error.reason,
            error.details.substr(0, longest_text)};
}

} // namespace guest::calls
