#include "guest/files/path_policy.hpp"

#include "guest/files/errors.hpp"
#include "guest/files/links.hpp"
#include "guest/files/made_up.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace guest::files {

using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr int links_at_most = 40;    ///< As the kernel: path_resolution(7).
constexpr int attempts_at_most = 64; ///< Of a resolution that a rename disturbed.

constexpr const char* attempt_name(Access access)
{
    return access == Access::read ? "read" : "write";
}

Error not_allowed(std::string_view attempt, std::string_view path)
{
    return refusal(ErrorCode::refused,
                   attempt,
                   path,
                   "the sandbox's rules for paths do not allow it",
                   "path_not_allowed");
}

Error escapes(std::string_view path, std::string_view root)
{
    return refusal(
        ErrorCode::refused, "resolve", path, "leads out of " + std::string{root}, "path_escapes");
}

Error resolve_error(std::string_view path, std::string_view root, int error)
{
    switch (error) {
    case EXDEV: return escapes(path, root);
    case EAGAIN:
        return refusal(ErrorCode::unavailable,
                       "resolve",
                       path,
                       "folders on the way are being renamed all the time",
                       "path_in_motion");
    case ENOSYS:
        return refusal(ErrorCode::unimplemented,
                       "resolve",
                       path,
                       "the guest's kernel is older than 5.6 and has no openat2",
                       "no_openat2");
    default: return failure("resolve", path, error);
    }
}

Result<UniqueFd> open_root(const std::string& root)
{
    auto fd = open_resolved(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    if (!fd) {
        return resolve_error(root, root, errno);
    }
    return fd;
}

/// Everything is below "/", absolute links included; elsewhere the kernel refuses those.
std::uint64_t bounds_of(const std::string& root)
{
    return root == "/" ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
}

struct Parts {
    std::string folder; ///< "." for that of a single name.
    std::string name;
};

Parts parts_of(std::string rest)
{
    while (rest.ends_with('/')) {
        rest.pop_back();
    }
    const auto slash = rest.rfind('/');
    if (slash == std::string::npos) {
        return {".", rest};
    }
    return {slash == 0 ? "." : rest.substr(0, slash), rest.substr(slash + 1)};
}

} // namespace

UniqueFd open_resolved(int start, const char* path, std::uint64_t flags, std::uint64_t resolve)
{
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0;; ++attempt) {
        const auto fd = ::syscall(SYS_openat2, start, path, &how, sizeof how);
        const bool again = fd < 0 && (errno == EAGAIN || errno == EINTR);
        if (!again || attempt == attempts_at_most) {
            return UniqueFd{static_cast<int>(fd)};
        }
    }
}

bool is_within(std::string_view path, std::string_view folder)
{
    return folder == "/" || path == folder ||
           (path.starts_with(folder) && path[folder.size()] == '/');
}

Result<std::string> normal_path(std::string_view path)
{
    const auto invalid = [&path](std::string_view why) {
        return refusal(ErrorCode::invalid_argument,
                       "resolve",
                       path.substr(0, path.find('\0')).substr(0, 256),
                       why,
                       "invalid_path");
    };
    if (!path.starts_with('/')) {
        return invalid("is not an absolute path");
    }
    if (path.size() >= PATH_MAX) {
        return invalid("has 4096 bytes or more");
    }
    if (path.find('\0') != std::string_view::npos) {
        return invalid("has a NUL in it");
    }
    std::string normal;
    while (!path.empty()) {
        const auto part = path.substr(0, path.find('/'));
        if (!part.empty() && part != ".") {
            normal.append("/").append(part);
        }
        path.remove_prefix(std::min(part.size() + 1, path.size()));
    }
    return normal.empty() ? "/" : normal;
}

namespace {

/// Where a rule's path really is, as far as there is something; below that as the rule has it.
std::string real_rule(const std::string& rule)
{
    std::string there = rule;
    while (there.size() > 1) {
        if (const auto fd = open_resolved(AT_FDCWD, there.c_str(), O_PATH, 0)) {
            const auto real = path_of(fd);
            return real ? *real + rule.substr(there.size()) : rule;
        }
        there.resize(there.rfind('/'));
    }
    return rule;
}

} // namespace

Result<PathPolicy> PathPolicy::of(PathRules rules)
{
    if (rules.roots.empty()) {
        return Error{ErrorCode::invalid_argument, "rules for paths without a root"};
    }
    for (auto* list : {&rules.roots, &rules.never_read, &rules.never_written}) {
        for (auto& path : *list) {
            COMMON_TRY(path, normal_path(path));
            if (path.ends_with("/..") || path.find("/../") != std::string::npos) {
                return Error{ErrorCode::invalid_argument, "rule for paths " + path + " has a '..'"};
            }
        }
    }
    for (auto* list : {&rules.never_read, &rules.never_written}) {
        std::vector<std::string> real;
        std::ranges::transform(*list, std::back_inserter(real), real_rule);
        list->insert(list->end(), real.begin(), real.end());
    }
    return PathPolicy{std::move(rules)};
}

const std::vector<std::string>& PathPolicy::refused(Access access) const
{
    return access == Access::read ? rules_.never_read : rules_.never_written;
}

bool PathPolicy::allows(std::string_view real_path, Access access) const
{
    return std::ranges::none_of(refused(access), [&real_path](const std::string& folder) {
        return is_within(real_path, folder);
    });
}

Result<>
PathPolicy::check_tree(std::string_view attempt, std::string_view real_path, Access access) const
{
    const bool around =
        std::ranges::any_of(refused(access), [&real_path](const std::string& folder) {
            return is_within(folder, real_path);
        });
    if (around || !allows(real_path, access)) {
        return not_allowed(attempt, real_path);
    }
    return {};
}

Result<PathPolicy::Start> PathPolicy::start_of(std::string_view path) const
{
    COMMON_TRY(const auto normal, normal_path(path));
    const std::string* root = nullptr;
    for (const auto& each : rules_.roots) {
        if (is_within(normal, each) && (root == nullptr || each.size() > root->size())) {
            root = &each;
        }
    }
    if (root == nullptr) {
        return not_allowed("resolve", path);
    }
    auto rest = normal.substr(root->size());
    if (rest.starts_with('/')) {
        rest.erase(0, 1);
    }
    return Start{path, root, std::move(rest)};
}

Result<UniqueFd>
PathPolicy::open_below(const UniqueFd& root, const Start& start, std::uint64_t flags) const
{
    const auto* const below = start.rest.empty() ? "." : start.rest.c_str();
    auto fd = open_resolved(root.get(), below, O_PATH | flags, bounds_of(*start.root));
    if (!fd) {
        return resolve_error(start.asked, *start.root, errno);
    }
    return fd;
}

/// Goes on where a symbolic link leads that is the last part of what is looked for; false if it
/// is none.
Result<bool> PathPolicy::follow_last(Start& start, const UniqueFd& folder) const
{
    const auto [parent, name] = parts_of(start.rest);
    COMMON_TRY(auto target, link_to_follow(folder, name, start.asked));
    if (target.empty()) {
        return false;
    }
    const bool absolute = target.starts_with('/');
    if (absolute && *start.root != "/") {
        return escapes(start.asked, *start.root);
    }
    while (target.ends_with('/')) { // Lest the kernel follows what it leads to.
        target.pop_back();
        start.to_folder = true;
    }
    start.rest = absolute ? target : parent + "/" + target;
    return true;
}

Result<Found> PathPolicy::found(UniqueFd fd, const Start& start) const
{
    Found found{std::move(fd), {}, {}};
    COMMON_TRY(found.path, path_of(found.fd));
    if (!allows(found.path, Access::read)) {
        return not_allowed("read", start.asked);
    }
    if (::fstat(found.fd.get(), &found.status) != 0) {
        return failure("look at", start.asked, errno);
    }
    if (start.to_folder && !S_ISDIR(found.status.st_mode)) {
        return failure("look at", start.asked, ENOTDIR);
    }
    return found;
}

Result<Found> PathPolicy::find(std::string_view path, LastLink last) const
{
    COMMON_TRY(auto start, start_of(path));
    COMMON_TRY(const auto root, open_root(*start.root));
    for (int links = 0; links <= links_at_most; ++links) {
        COMMON_TRY(auto fd, open_below(root, start, O_NOFOLLOW));
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) {
            return failure("look at", path, errno);
        }
        if (last == LastLink::kept || !S_ISLNK(status.st_mode)) {
            return found(std::move(fd), start);
        }
        if (is_made_up(fd.get())) { // The kernel knows which of those lead where they say.
            COMMON_TRY(auto target, open_below(root, start, 0));
            return found(std::move(target), start);
        }
        auto above = start;
        above.rest = parts_of(start.rest).folder;
        COMMON_TRY(const auto folder, open_below(root, above, O_DIRECTORY));
        COMMON_CHECK(follow_last(start, folder)); // None by now: once more.
    }
    return failure("resolve", path, ELOOP);
}

Result<Place> PathPolicy::place(std::string_view path, Access access, LastLink last) const
{
    COMMON_TRY(auto start, start_of(path));
    COMMON_TRY(const auto root, open_root(*start.root));
    for (int links = 0; links <= links_at_most; ++links) {
        const auto [parent, name] = parts_of(start.rest);
        auto above = start;
        above.rest = parent;
        Place place{{}, name.empty() ? "." : name, {}};
        COMMON_TRY(place.folder, open_below(root, above, O_DIRECTORY));
        if (name == "." || name == "..") {
            return refusal(ErrorCode::invalid_argument,
                           attempt_name(access),
                           path,
                           "its last part is no name",
                           "invalid_path");
        }
        if (last == LastLink::followed && !name.empty()) {
            COMMON_TRY(const bool followed, follow_last(start, place.folder));
            if (followed) {
                continue;
            }
        }
        COMMON_TRY(place.path, path_of(place.folder));
        if (!name.empty()) {
            place.path.append(place.path == "/" ? "" : "/").append(name);
        }
        if (!allows(place.path, access)) {
            return not_allowed(attempt_name(access), path);
        }
        return place;
    }
    return failure("resolve", path, ELOOP);
}

std::string proc_path(const UniqueFd& held)
{
    return "/proc/self/fd/" + std::to_string(held.get());
}

Result<UniqueFd> reopen(const UniqueFd& held, int flags)
{
    const auto path = proc_path(held);
    UniqueFd fd{::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!fd) {
        const int error = errno;
        auto where = path_of(held);
        return failure("open", where ? *where : path, error);
    }
    return fd;
}

Result<std::string> path_of(const UniqueFd& held)
{
    const auto path = proc_path(held);
    std::string target = link_target(AT_FDCWD, path);
    if (!target.starts_with('/')) {
        return refusal(ErrorCode::unavailable,
                       "look up",
                       path,
                       "the guest has no /proc, or the path is too long",
                       "path_unknown");
    }
    return target;
}

} // namespace guest::files
