#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace cli {

/// Names of what there is of a kind ("SANDBOX", "IMAGE", …), asked of the coordinator. `words`: the
/// positional ones that were typed before, without the commands.
using Lookup = std::function<std::vector<std::string>(const std::string& kind,
                                                      const std::vector<std::string>& words)>;

/// What the last of `words` may become: commands, options, an option's values, names of things.
/// `words` begin behind the program's name; the last one is what is being typed, and may be empty.
std::vector<std::string>
completions(const CLI::App& app, const std::vector<std::string>& words, const Lookup& lookup);

} // namespace cli
