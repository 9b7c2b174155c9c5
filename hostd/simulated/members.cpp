#include "hostd/simulated/members.hpp"

#include "common/id.hpp"
#include "common/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <system_error>

namespace hostd::simulated {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr const char* keys_file = "hosts.keys";
constexpr const char* enrol_file = "hosts.enrol";

Result<> write_fresh(const std::filesystem::path& file, const std::string& text, mode_t mode)
{
    const common::UniqueFd fd{
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)};
    if (!fd) {
        const auto code = errno == EEXIST ? ErrorCode::already_exists : ErrorCode::internal;
        return Error{code,
                     "write " + file.string() + ": " + std::generic_category().message(errno)};
    }
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return Error{ErrorCode::internal, "write " + file.string() + ": is the disk full?"};
    }
    return {};
}

} // namespace

std::vector<std::string> member_names(const std::string& prefix, std::size_t count)
{
    const auto digits = std::max<std::size_t>(4, std::to_string(count).size());
    std::vector<std::string> names;
    names.reserve(count);
    for (std::size_t i = 1; i <= count; ++i) {
        names.push_back(fmt::format("{}{:0{}}", prefix, i, digits));
    }
    return names;
}

Result<> make_members(const std::filesystem::path& folder, const std::vector<std::string>& names)
{
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        return Error{ErrorCode::internal, "make " + folder.string() + ": " + error.message()};
    }
    std::string keys = "# Who each simulated host is: name, public key, secret key.\n";
    std::string enrolled = "# For: paddock-coordinator enrol --list\n";
    for (const auto& name : names) {
        if (!common::is_name(name)) {
            return Error{ErrorCode::invalid_argument,
                         "'" + name + "' is no host name: letters, digits, dots, dashes"};
        }
        COMMON_TRY(const auto made, common::curve::generate_keys());
        keys += fmt::format("{} {} {}\n", name, made.public_key, made.secret_key);
        enrolled += fmt::format("{} {}\n", name, made.public_key);
    }
    COMMON_CHECK(write_fresh(folder / keys_file, keys, S_IRUSR | S_IWUSR));
    return write_fresh(folder / enrol_file, enrolled, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

Result<std::vector<Member>> read_members(const std::filesystem::path& folder)
{
    const auto file = folder / keys_file;
    struct stat about = {};
    if (::stat(file.c_str(), &about) != 0) {
        return Error{ErrorCode::not_found,
                     file.string() + " cannot be read; make it: paddock-simulator keygen --out " +
                         folder.string()};
    }
    if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return Error{ErrorCode::failed_precondition,
                     file.string() + " is open to others: chmod 600 it"};
    }
    std::ifstream in{file};
    std::vector<Member> members;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        constexpr std::size_t key_characters = 40;
        if (line.empty() || line.front() == '#') {
            continue;
        }
        std::istringstream words{line};
        Member member;
        words >> member.name >> member.keys.public_key >> member.keys.secret_key;
        if (!common::is_name(member.name) || member.keys.public_key.size() != key_characters ||
            member.keys.secret_key.size() != key_characters) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("{} line {}: expected a name, a public key and a secret one",
                                     file.string(),
                                     number)};
        }
        members.push_back(std::move(member));
    }
    return members;
}

} // namespace hostd::simulated
