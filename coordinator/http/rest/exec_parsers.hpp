#pragma once

#include "common/result.hpp"
#include "coordinator/core/live_execs.hpp"
#include "coordinator/http/request.hpp"

namespace coordinator::http::rest {

common::Result<LiveRequest> parse_exec(std::string_view body);
common::Result<StdinPiece> parse_stdin(std::string_view body);
common::Result<ExecSignal> parse_signal(std::string_view body);
common::Result<TerminalSize> parse_resize(std::string_view body);
/// Where to read from: what the query asks for, or what was the last that was read.
common::Result<std::uint64_t> parse_from(const Request& request);

} // namespace coordinator::http::rest
