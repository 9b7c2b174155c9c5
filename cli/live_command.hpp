#pragma once

#include "cli/context.hpp"
#include "cli/detach_keys.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace cli {

/// A live command that somebody wants to see, and perhaps to type to.
struct LiveWish {
    std::string sandbox;     ///< Its id.
    std::string as_said;     ///< What it was called on the command line.
    nlohmann::json start;    ///< The request that starts one; null: `exec` runs already.
    std::string exec;        ///< Its id, where it runs.
    std::uint64_t from = 0;  ///< Of its output, where to begin.
    bool with_stdin = false; ///< Ours is its.
    bool with_terminal = false;
    DetachKeys keys;
};

/// Starts it, or comes back to it; gives its output to stdout and stderr as it comes and our stdin,
/// signals and terminal to it, until it ends: its exit status. A lost connection is opened again,
/// and nothing is started twice.
///
/// Three kinds of threads: the caller's waits for stdin, signals and news, and never for the
/// network; one reads the stream and writes the output; LiveInput has two that send. They share
/// nothing but what the others are told through an eventfd. The process has to end by std::_Exit.
common::Result<int> run_live(Context& context, LiveWish wish);

} // namespace cli
