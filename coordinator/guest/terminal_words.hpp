#pragma once

#include "coordinator/core/guest_terminals.hpp"
#include "proto/guest_calls.hpp"

// Terminals of guests: from what the core means to what travels, and back.
namespace coordinator::guest {

proto::TerminalCall call_of(const TerminalRequest& request);
/// The guest's own error, or its answer. What is no answer at all is `unavailable`.
common::Result<TerminalAnswer> terminal_answer_of(std::string_view head);
TerminalPiece piece_of(proto::TerminalNews news);

} // namespace coordinator::guest
