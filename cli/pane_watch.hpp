#pragma once

#include "cli/context.hpp"

#include <string>

namespace cli {

/// A pane of a guest's that somebody wants to look at.
struct WatchWish {
    std::string path; ///< Of its stream.
    std::string name; ///< What it is called where it is shown.
};

/// Shows it on our terminal until its program ends or somebody leaves; with --output json its
/// events on stdout, a line each. Nothing that is typed gets there. A lost connection is opened
/// again. The process has to end by std::_Exit.
common::Result<int> watch_pane(Context& context, const WatchWish& wish);

} // namespace cli
