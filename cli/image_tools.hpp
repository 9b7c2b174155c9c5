#pragma once

#include "cli/console.hpp"
#include "cli/local_file.hpp"
#include "cli/signals.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

// What image_source() and agent_injection do it with.
namespace cli {

/// One image in the making.
struct ImageWork {
    const Console& console;
    const SignalReader& signals;
    const PrivateFolder& folder; ///< Of what lies on the disk meanwhile; gone afterwards.
};

common::Error not_an_image(const std::string& what, const std::string& why);

/// Runs a program of that package; what it writes to stdout goes to `sink`. A signal meanwhile ends
/// it. `failed_precondition` (no_program) with what to install; `internal` with what it said.
common::Result<> run_tool(
    const ImageWork& work,
    std::vector<std::string> argv,
    const std::string& package,
    const std::function<common::Result<>(std::string_view)>& sink =
        [](std::string_view) { return common::Result<>{}; },
    std::vector<std::string> environment = {});

} // namespace cli
