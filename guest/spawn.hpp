#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "guest/users.hpp"
#include "vt/size.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace guest {

using TerminalSize = vt::Size;

struct Program {
    std::vector<std::string> argv; ///< argv[0] is looked up in the child's PATH.
    User user;
    std::string cwd;                        ///< "": the user's home, or / if that is missing.
    std::map<std::string, std::string> env; ///< Over the basic HOME, PATH, USER, …
    std::string group{};                    ///< The cgroup that it is in; "": the agent's own.
    std::optional<TerminalSize> terminal{}; ///< Its controlling one, instead of pipes.
    /// Instead of a program: what the child does, and its exit status.
    std::function<int()> service{};
    int passed = -1; ///< What a service has as `passed_fd`, beside its stdio; -1: nothing.
    /// What a service starts may become more than its user (sudo), as what the user starts may.
    bool may_gain = false;
};

struct Child {
    pid_t pid = 0;       ///< Also its process group and session.
    common::UniqueFd in; ///< Not set without stdin: it reads /dev/null.
    common::UniqueFd out;
    common::UniqueFd err; ///< Not set with a terminal, whose near end the other two are.
};

enum class Stdin { none, pipe };

constexpr int passed_fd = 3;

/// Starts a program as its user in a session of its own, with nothing of the agent's
/// but three pipes, or a terminal of its own. Their near ends are non-blocking. Shares memory with
/// the child until it has become the program (vfork): as quick as Linux can. Who is not root starts
/// programs as itself only. `refused` with reason no_such_cwd or not_executable; `internal` for
/// what the kernel refuses.
common::Result<Child> spawn(const Program& program, Stdin with_stdin);

/// What spawn() does for a service: a copy of the agent that has nothing open but its stdio and
/// what it is passed, and nobody of its user's may look into.
common::Result<Child> spawn_service(const Program& program, Stdin with_stdin);

/// `near_end`: `out` of one with a terminal.
void resize(const common::UniqueFd& near_end, TerminalSize size);

} // namespace guest
