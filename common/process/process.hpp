#pragma once

#include "common/bytes.hpp"
#include "common/result.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace common::process {

/// What to run: a pure value, so that argument lists are tested without running.
struct Command {
    std::vector<std::string> argv;            ///< argv[0] is looked up in PATH; no shell anywhere.
    std::string input{};                      ///< Written to its standard input.
    std::chrono::milliseconds timeout{60000}; ///< Then the whole process group is killed.
    Bytes output_limit = Bytes::mib(4);       ///< Of each of stdout and stderr; more is dropped.
};

struct Outcome {
    int status = 0; ///< Exit code; 128 + signal when killed by one.
    std::string out;
    std::string err;
};

/// Runs a child to its end, in its own process group. An error only when it could
/// not be started (`not_found`, `internal`) or ran out of time (`timeout`, after
/// it was killed). Blocks; any thread.
Result<Outcome> run(const Command& command);

/// As run(), and a status other than 0 is an error too: `internal`, with the
/// command, the status and the child's stderr in the message.
Result<std::string> run_checked(const Command& command);

} // namespace common::process
