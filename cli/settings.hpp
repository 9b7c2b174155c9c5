#pragma once

#include "common/result.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cli {

/// What was said on the command line; empty where nothing was.
struct Flags {
    std::string url;
    std::string token_file;
    std::string config; ///< In place of the usual files, and it must be there then.
};

struct Settings {
    std::string url;
    std::string url_from; ///< "--url", a variable's name, a file's, or "default".
    std::string token;    ///< "": none was found. Never printed.
    std::string token_from;
    std::vector<std::string> warnings; ///< What is there and was not used, and why.
};

using Environment = std::function<std::optional<std::string>(const std::string&)>;

inline constexpr const char* default_url = "http://127.0.0.1:8080";

/// The files that may hold settings, the first that is there counts: the user's own, then what
/// quickstart left. Lines of KEY=VALUE, as a shell reads them: PADDOCK_URL, PADDOCK_TOKEN,
/// PADDOCK_TOKEN_FILE.
std::vector<std::filesystem::path> config_files(const Environment& environment);

/// Flags, then the environment, then one file. A file's token goes to that file's URL alone: not
/// to another one that was said elsewhere. A token that others can read is `permission_denied`.
common::Result<Settings> load_settings(const Flags& flags, const Environment& environment);

} // namespace cli
