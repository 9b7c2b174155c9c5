#pragma once

#include "guest/spawn.hpp"

#include <array>

namespace guest {

/// What a child has as its stdio, and what the agent keeps of it. All close on exec.
struct Wiring {
    std::array<common::UniqueFd, 3> far; ///< Of a terminal only the first, for all three.
    common::UniqueFd in;
    common::UniqueFd out;
    common::UniqueFd err;
};

common::Result<Wiring> wire_pipes(Stdin with_stdin);
/// A terminal that belongs to `user`.
common::Result<Wiring> wire_terminal(const User& user, TerminalSize size);

/// The child as its parent has it: the near ends, non-blocking. The far ones are closed.
Child near_end(pid_t pid, Wiring wiring);

} // namespace guest
