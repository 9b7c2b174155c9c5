#include "guest/files/links.hpp"

#include "guest/files/acting_as.hpp"
#include "guest/files/errors.hpp"
#include "guest/files/made_up.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace guest::files {

using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

/// As may_follow_link() of Linux's fs/namei.c.
bool may_follow(const struct stat& link, const struct stat& folder)
{
    constexpr mode_t anybodys = S_ISVTX | S_IWOTH;
    return (folder.st_mode & anybodys) != anybodys || link.st_uid == folder.st_uid ||
           link.st_uid == acting_uid();
}

} // namespace

Result<std::string>
link_to_follow(const UniqueFd& folder, const std::string& name, std::string_view path)
{
    // Held, so that the one which is looked at is the one which is followed.
    const UniqueFd link{::openat(folder.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat itself {};
    if (!link || ::fstat(link.get(), &itself) != 0 || !S_ISLNK(itself.st_mode)) {
        return std::string{};
    }
    if (is_made_up(link.get())) {
        return failure("resolve", path, ELOOP);
    }
    struct stat around {};
    if (::fstat(folder.get(), &around) != 0) {
        return failure("resolve", path, errno);
    }
    if (!may_follow(itself, around)) {
        return refusal(ErrorCode::permission_denied,
                       "resolve",
                       path,
                       "somebody else's link in a folder that all may write to is not followed",
                       "permission_denied");
    }
    return link_target(link.get(), "");
}

std::string link_target(int folder, const std::string& name)
{
    std::array<char, PATH_MAX> target{};
    const auto size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
    return size <= 0 ? std::string{} : std::string{target.data(), static_cast<std::size_t>(size)};
}

} // namespace guest::files
