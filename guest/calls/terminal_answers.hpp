#pragma once

#include "guest/terminals/terminals.hpp"
#include "proto/guest_calls.hpp"

// From what travels to what guest/terminals is asked, and back.
namespace guest::calls {

proto::TerminalReply terminal_refusal(const common::Error& error);

/// Does what the call asks for, all but to watch. `answer` is called once, as Terminals' own are.
void act(terminals::Terminals& terminals,
         const proto::TerminalCall& call,
         std::function<void(proto::TerminalReply)> answer);

proto::TerminalNews news_of(terminals::WatchPiece piece);

} // namespace guest::calls
