#pragma once

#include "coordinator/core/guest_terminals.hpp"
#include "coordinator/http/request.hpp"

namespace coordinator::http::rest {

/// What a request asks of a sandbox's terminals: `action` says where it stands.
common::Result<TerminalRequest> parse_terminal(TerminalAction action, const Request& request);

} // namespace coordinator::http::rest
