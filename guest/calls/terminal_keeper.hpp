#pragma once

#include "guest/users.hpp"

namespace guest::calls {

/// The process that has one user's terminals, so that they outlive the calls that ask for them, and
/// what their programs write is not parsed by root. It is that user already. Each message on
/// `control` hands over a connection: one proto::TerminalCall with its length comes in, a
/// TerminalReply goes out, after one that watches TerminalNews. It ends when `control` closes;
/// while the guest stands still, so does it.
int keep_terminals(int control, const User& user);

} // namespace guest::calls
