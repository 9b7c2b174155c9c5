#pragma once

#include "cli/console.hpp"
#include "common/result.hpp"

#include <functional>
#include <optional>
#include <string>

namespace cli {

/// How to wait for a call that may take long.
struct Waiting {
    std::string what; ///< "starting web": shown with the seconds, where somebody watches.
    /// Asked now and then, on the caller's thread: what to show behind it; may be empty.
    std::function<std::string()> phase{};
    /// Asked likewise, whether somebody watches or not: true ends the waiting, not the call.
    std::function<bool()> enough{};
    std::string if_interrupted{}; ///< Said on Ctrl-C: what becomes of it, one line.
};

/// The call's result; nothing if `enough` ended it. The call runs on a thread of its own, which
/// then goes on: the process has to end by std::_Exit. Ctrl-C ends the process at once, as it would
/// anywhere, but with `if_interrupted` said.
std::optional<common::Result<std::string>>
wait_for(const Console& console,
         const Waiting& waiting,
         std::function<common::Result<std::string>()> call);

} // namespace cli
