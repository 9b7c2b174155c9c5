#include "coordinator/daemon/tokens.hpp"

#include "common/digest/digest.hpp"
#include "common/files/durable.hpp"
#include "common/id.hpp"

#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

namespace coordinator::daemon {

using common::Error;
using common::ErrorCode;
using common::Result;

Result<std::vector<http::Token>> read_tokens(const std::filesystem::path& file)
{
    struct stat about = {};
    std::ifstream in{file};
    if (!in || ::stat(file.c_str(), &about) != 0) {
        return Error{
            ErrorCode::not_found,
            "token file " + file.string() +
                " cannot be read; make a first token: paddock-coordinator token --name me"};
    }
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Error{ErrorCode::failed_precondition,
                     "token file " + file.string() + " can be written by others: chmod 600 it"};
    }
    std::vector<http::Token> tokens;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        std::istringstream words{line};
        std::string name;
        std::string hex;
        std::string more;
        if (!(words >> name) || name.front() == '#') {
            continue;
        }
        words >> hex;
        const auto digest = common::digest::sha256_from_hex(hex);
        if (!common::is_name(name) || !digest || words >> more) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("token file {} line {}: expected a name and 64 hex digits",
                                     file.string(),
                                     number)};
        }
        tokens.push_back({name, *digest});
    }
    return tokens;
}

Result<std::string> make_token(const std::filesystem::path& file, const std::string& name)
{
    if (!common::is_name(name)) {
        return Error{ErrorCode::invalid_argument,
                     "'" + name + "' is no name for a token: letters, digits, dots, dashes"};
    }
    std::vector<http::Token> tokens;
    if (std::filesystem::exists(file)) {
        COMMON_TRY(auto before, read_tokens(file));
        tokens = std::move(before);
    }
    std::string token = "pdk";
    constexpr int parts = 4; // Of 80 bits each.
    for (int i = 0; i < parts; ++i) {
        token += "_" + common::random_base32_80();
    }
    std::erase_if(tokens, [&name](const http::Token& one) { return one.name == name; });
    tokens.push_back({name, common::digest::of(token)});
    auto temporary = file;
    temporary += ".new";
    const auto before = ::umask(S_IRWXG | S_IRWXO);
    std::ofstream out{temporary};
    ::umask(before);
    out << "# Tokens of the HTTP API by name, as SHA-256; see paddock-coordinator token.\n";
    for (const auto& one : tokens) {
        out << one.name << ' ' << common::digest::to_hex(one.sha256) << '\n';
    }
    out.close();
    std::error_code error;
    if (!out) {
        return Error{ErrorCode::internal, "write " + temporary.string() + ": failed"};
    }
    COMMON_CHECK(common::files::let_folders_group_read(temporary));
    std::filesystem::rename(temporary, file, error);
    if (error) {
        return Error{ErrorCode::internal, "write " + file.string() + ": " + error.message()};
    }
    return token;
}

} // namespace coordinator::daemon
