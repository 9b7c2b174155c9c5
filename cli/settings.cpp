#include "cli/settings.hpp"

#include "cli/text.hpp"
#include "common/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace cli {

using common::Error;
using common::ErrorCode;

namespace {

constexpr std::size_t most_bytes = std::size_t{64} << 10U;

struct File {
    std::string text;
    mode_t mode = 0;
};

common::Result<File> read_file(const std::filesystem::path& path)
{
    const auto failed = [&](int number) {
        const auto code = number == ENOENT ? ErrorCode::not_found : ErrorCode::permission_denied;
        return Error{code, fmt::format("cannot read {}: {}", path.string(), std::strerror(number))};
    };
    const common::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0) {
        return failed(errno);
    }
    File file{{}, about.st_mode};
    std::array<char, 4096> piece{};
    while (file.text.size() <= most_bytes) {
        const auto count = ::read(fd.get(), piece.data(), piece.size());
        if (count < 0) {
            return failed(errno);
        }
        if (count == 0) {
            return file;
        }
        file.text.append(piece.data(), static_cast<std::size_t>(count));
    }
    return Error{ErrorCode::invalid_argument,
                 fmt::format("{} has more than {} bytes: that is no file of settings or of a token",
                             path.string(),
                             most_bytes)};
}

/// A pipe (`<(…)`) has no other readers.
common::Result<> check_private(const std::filesystem::path& path, mode_t mode)
{
    if (!S_ISREG(mode) || (mode & 077U) == 0) {
        return {};
    }
    return Error{ErrorCode::permission_denied,
                 fmt::format("{0} holds a token and others may read it (mode {1:03o}): "
                             "chmod 600 {0}, and make a new token if it was open for long",
                             path.string(),
                             mode & 0777U),
                 "token_exposed"};
}

std::string trimmed(std::string_view text)
{
    constexpr std::string_view blank = " \t\r\n";
    const auto begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos) {
        return {};
    }
    return std::string{text.substr(begin, text.find_last_not_of(blank) - begin + 1)};
}

std::string unquoted(std::string text)
{
    if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
        text.back() == text.front()) {
        return text.substr(1, text.size() - 2);
    }
    return text;
}

/// Of one URL or several: without slashes at their ends and spaces between them.
std::vector<std::string> urls_in(const std::string& text)
{
    std::vector<std::string> urls;
    for (std::size_t from = 0; from <= text.size();) {
        const auto end = std::min(text.find(',', from), text.size());
        auto url = trimmed(std::string_view{text}.substr(from, end - from));
        while (url.ends_with('/')) {
            url.pop_back();
        }
        urls.push_back(std::move(url));
        from = end + 1;
    }
    return urls;
}

std::string without_slashes(const std::string& text)
{
    return fmt::format("{}", fmt::join(urls_in(text), ","));
}

bool is_url(const std::string& text)
{
    const auto scheme = text.find("://");
    const auto rest = scheme == std::string::npos ? "" : text.substr(scheme + 3);
    const bool known = text.starts_with("http://") || text.starts_with("https://");
    return known && !rest.empty() && rest.find_first_of("/?#@ ") == std::string::npos;
}

using Values = std::map<std::string, std::string>;

common::Result<Values> parse_lines(const std::filesystem::path& path, const std::string& text)
{
    Values values;
    std::size_t number = 0;
    for (std::size_t from = 0; from < text.size();) {
        const auto end = std::min(text.find('\n', from), text.size());
        auto line = trimmed(std::string_view{text}.substr(from, end - from));
        from = end + 1;
        ++number;
        if (line.empty() || line.front() == '#') {
            continue;
        }
        if (line.starts_with("export ")) {
            line = trimmed(line.substr(7));
        }
        const auto equals = line.find('=');
        if (equals == std::string::npos || !line.starts_with("PADDOCK_")) {
            // Not the line itself: it may be a token.
            return Error{ErrorCode::invalid_argument,
                         fmt::format("{}:{}: expected PADDOCK_URL=…, PADDOCK_TOKEN=… or "
                                     "PADDOCK_TOKEN_FILE=…",
                                     path.string(),
                                     number)};
        }
        values[line.substr(0, equals)] = unquoted(trimmed(line.substr(equals + 1)));
    }
    return values;
}

struct ReadFile {
    Values values;
    std::string name; ///< "": there is none.
};

common::Result<ReadFile> read_config(const std::filesystem::path& path)
{
    COMMON_TRY(const auto file, read_file(path));
    COMMON_TRY(auto values, parse_lines(path, file.text));
    if (values.contains("PADDOCK_TOKEN")) {
        COMMON_CHECK(check_private(path, file.mode));
    }
    return ReadFile{std::move(values), path.string()};
}

common::Result<ReadFile>
find_config(const Flags& flags, const Environment& environment, Settings& settings)
{
    const auto named =
        flags.config.empty() ? environment("PADDOCK_CONFIG").value_or("") : flags.config;
    if (!named.empty()) {
        return read_config(named);
    }
    for (const auto& path : config_files(environment)) {
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) {
            continue;
        }
        auto read = read_config(path);
        if (read || read.error().reason == "token_exposed" ||
            read.error().code != ErrorCode::permission_denied) {
            return read;
        }
        settings.warnings.push_back(read.error().message); // Root's, mostly.
    }
    return ReadFile{};
}

common::Result<std::string> token_in(const std::filesystem::path& path)
{
    COMMON_TRY(const auto file, read_file(path));
    COMMON_CHECK(check_private(path, file.mode));
    auto token = trimmed(file.text);
    if (token.empty()) {
        return Error{ErrorCode::invalid_argument, path.string() + " holds no token: it is empty"};
    }
    return token;
}

/// One of each, or none: the value and where it is from.
struct Said {
    std::string value;
    std::string from;
};

Said value_of(const std::string& flag,
              const char* flag_name,
              const char* key,
              const Environment& environment)
{
    if (!flag.empty()) {
        return {flag, flag_name};
    }
    const auto value = environment(key);
    return value && !value->empty() ? Said{*value, key} : Said{};
}

std::string at(const Values& values, const char* key)
{
    const auto found = values.find(key);
    return found == values.end() ? "" : found->second;
}

common::Result<> take_url(const Flags& flags,
                          const Environment& environment,
                          const ReadFile& file,
                          Settings& settings)
{
    auto said = value_of(flags.url, "--url", "PADDOCK_URL", environment);
    if (said.value.empty()) {
        said = {at(file.values, "PADDOCK_URL"), file.name};
    }
    if (said.value.empty()) {
        said = {default_url, "default"};
    }
    if (!std::ranges::all_of(urls_in(said.value), is_url)) {
        return Error{ErrorCode::invalid_argument,
                     fmt::format("the URL from {} must be http:// or https:// with a host and "
                                 "perhaps a port, like {}; of several coordinators, with commas "
                                 "between them",
                                 said.from,
                                 default_url)};
    }
    settings.url = without_slashes(said.value);
    settings.url_from = std::move(said.from);
    return {};
}

common::Result<> take_token(const Flags& flags,
                            const Environment& environment,
                            const ReadFile& file,
                            Settings& settings)
{
    if (flags.token_file.empty()) {
        if (const auto token = environment("PADDOCK_TOKEN"); token && !token->empty()) {
            settings.token = *token;
            settings.token_from = "PADDOCK_TOKEN";
            return {};
        }
    }
    auto path = value_of(flags.token_file, "--token-file", "PADDOCK_TOKEN_FILE", environment).value;
    const auto file_url = without_slashes(at(file.values, "PADDOCK_URL"));
    if (path.empty() && !file_url.empty() && file_url != settings.url) {
        settings.warnings.push_back(fmt::format(
            "a token of {} is for {} and goes nowhere else", file.name, printable(file_url)));
    } else if (path.empty()) {
        settings.token = at(file.values, "PADDOCK_TOKEN");
        settings.token_from = settings.token.empty() ? "" : file.name;
        path = settings.token.empty() ? at(file.values, "PADDOCK_TOKEN_FILE") : "";
    }
    if (!path.empty()) {
        COMMON_TRY(settings.token, token_in(path));
        settings.token_from = path;
    }
    return {};
}

common::Result<> check_token(const Settings& settings)
{
    const bool odd = settings.token.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") !=
                     std::string::npos;
    if (odd) { // It would break the header that it is sent in.
        return Error{ErrorCode::invalid_argument,
                     "the token from " + settings.token_from +
                         " has characters that no token has; a file must hold one token alone"};
    }
    return {};
}

} // namespace

std::vector<std::filesystem::path> config_files(const Environment& environment)
{
    std::vector<std::filesystem::path> files;
    const auto config_home = environment("XDG_CONFIG_HOME").value_or("");
    const auto home = environment("HOME").value_or("");
    if (!config_home.empty()) {
        files.emplace_back(config_home + "/paddock/config");
    } else if (!home.empty()) {
        files.emplace_back(home + "/.config/paddock/config");
    }
    files.emplace_back(environment("PADDOCK_HOME").value_or("/var/lib/paddock") +
                       "/quickstart.env");
    return files;
}

common::Result<Settings> load_settings(const Flags& flags, const Environment& environment)
{
    Settings settings;
    COMMON_TRY(const auto file, find_config(flags, environment, settings));
    COMMON_CHECK(take_url(flags, environment, file, settings));
    COMMON_CHECK(take_token(flags, environment, file, settings));
    COMMON_CHECK(check_token(settings));
    return settings;
}

} // namespace cli
