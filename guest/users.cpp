#include "guest/users.hpp"

#include "common/unique_fd.hpp"

#include <array>
#include <charconv>
#include <fcntl.h>
#include <optional>

namespace guest {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

/// Takes the text up to `separator` off the front of `rest`.
std::string_view take(std::string_view& rest, char separator)
{
    const auto end = rest.find(separator);
    const auto taken = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return taken;
}

std::optional<std::uint32_t> number(std::string_view text)
{
    std::uint32_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return value;
}

/// One line of passwd(5), if it is whole.
std::optional<User> parse_user(std::string_view line)
{
    User user;
    user.name = take(line, ':');
    take(line, ':'); // The password's place.
    const auto uid = number(take(line, ':'));
    const auto gid = number(take(line, ':'));
    if (user.name.empty() || !uid || !gid) {
        return std::nullopt;
    }
    take(line, ':'); // GECOS.
    user.uid = *uid;
    user.gid = *gid;
    user.home = take(line, ':');
    user.shell = take(line, ':');
    return user;
}

void add_groups(User& user, std::string_view group)
{
    user.groups = {user.gid};
    while (!group.empty()) {
        auto line = take(group, '\n');
        take(line, ':');
        take(line, ':');
        const auto gid = number(take(line, ':'));
        while (gid && *gid != user.gid && !line.empty()) {
            if (take(line, ',') == user.name) {
                user.groups.push_back(*gid);
                break;
            }
        }
    }
}

} // namespace

Result<User> find_user(std::string_view passwd, std::string_view group, std::string_view wanted)
{
    const auto wanted_uid = number(wanted);
    while (!passwd.empty()) {
        auto user = parse_user(take(passwd, '\n'));
        if (user && (user->name == wanted || (wanted_uid && user->uid == *wanted_uid))) {
            add_groups(*user, group);
            return *std::move(user);
        }
    }
    return Error{
        ErrorCode::refused, "no user '" + std::string{wanted} + "' in this guest", "unknown_user"};
}

Result<User> find_user(std::string_view wanted)
{
    return find_user(read_file("/etc/passwd"), read_file("/etc/group"), wanted);
}

std::string read_file(const char* path)
{
    const common::UniqueFd fd{::open(path, O_RDONLY | O_CLOEXEC)};
    std::string text;
    std::array<char, 4096> piece{};
    while (fd) {
        const auto count = ::read(fd.get(), piece.data(), piece.size());
        if (count <= 0) {
            break;
        }
        text.append(piece.data(), static_cast<std::size_t>(count));
    }
    return text;
}

} // namespace guest
