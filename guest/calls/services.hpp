#pragma once

#include "guest/exec.hpp"

namespace guest::calls {

/// The exit status of a call that was answered with a refusal.
constexpr int refused = 2;

/// Files, as proto::FileCall asks for them and as its calls are answered.
int serve_files(std::string_view request);

/// Terminals, as proto::TerminalCall asks for them: takes the request to the keeper at `passed_fd`,
/// and hands on what that answers.
int serve_terminals(std::string_view request);

/// All that this agent can be called for.
Services services();

} // namespace guest::calls
