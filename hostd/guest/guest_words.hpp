#pragma once

#include "common/error.hpp"
#include "proto/guest_messages.hpp"

#include <optional>
#include <string>
#include <vector>

// What a guest says in words, checked and made ours. Pure.
namespace hostd::guest {

/// The error that an exec ends with when the agent did not start it.
common::Error error_of(const proto::GuestExecError& error);

/// The IPv4 addresses in the agent's lines ("eth0 52:54:00:… 10.0.0.7/24"), at most
/// 16, without loopback and link-local; whatever has another form is left out.
std::vector<std::string> ipv4_of(const proto::GuestNet& net);

/// At most `limit` bytes, without control characters: safe in a log line and in JSON.
std::string printable(std::string_view text, std::size_t limit);

} // namespace hostd::guest
