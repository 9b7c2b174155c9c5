#include "guest/files/folders.hpp"

#include "guest/files/entry.hpp"
#include "guest/files/errors.hpp"
#include "guest/files/folder.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace guest::files {

using common::ErrorCode;
using common::Result;
using common::UniqueFd;

namespace {

constexpr mode_t parents_mode = 0755;

/// Whether it was made: false if something is there.
Result<bool> make_one(const PathPolicy& policy, std::string_view path, mode_t mode)
{
    COMMON_TRY(const auto place, policy.place(path, Access::write, LastLink::followed));
    if (place.name == ".") {
        return false;
    }
    auto made = Folder::make(place.folder.get(), place.name, std::string{path});
    if (!made && made.error().stable_reason() == "already_exists") {
        return false;
    }
    if (!made) {
        return std::move(made).error();
    }
    if (::fchmod(made->fd(), mode & 07777U) != 0) {
        return failure("set the mode of", path, errno);
    }
    return true;
}

Result<> check_is_folder(const PathPolicy& policy, std::string_view path)
{
    COMMON_TRY(const auto there, policy.find(path, LastLink::followed));
    if (!S_ISDIR(there.status.st_mode)) {
        return failure("make folder", path, ENOTDIR);
    }
    return {};
}

} // namespace

Result<> make_parents(const PathPolicy& policy, std::string_view path)
{
    COMMON_TRY(const auto normal, normal_path(path));
    COMMON_TRY(const auto itself, exists(policy, normal, LastLink::followed));
    if (itself) {
        return {};
    }
    // From the longest that is there on: above a root nothing is to be seen.
    std::vector<std::string> missing;
    auto parent = normal.substr(0, normal.rfind('/'));
    while (!parent.empty()) {
        COMMON_TRY(const auto there, exists(policy, parent, LastLink::followed));
        if (there) {
            break;
        }
        missing.push_back(parent);
        parent.resize(parent.rfind('/'));
    }
    while (!missing.empty()) {
        COMMON_TRY(const bool made, make_one(policy, missing.back(), parents_mode));
        if (!made) {
            COMMON_CHECK(check_is_folder(policy, missing.back()));
        }
        missing.pop_back();
    }
    return {};
}

Result<bool>
make_folder(const PathPolicy& policy, std::string_view path, const MakeFolderOptions& options)
{
    if (options.parents == Parents::made) {
        COMMON_CHECK(make_parents(policy, path));
    }
    COMMON_TRY(const bool made, make_one(policy, path, options.mode));
    if (!made && options.parents == Parents::must_exist) {
        return failure("make folder", path, EEXIST);
    }
    if (!made) {
        COMMON_CHECK(check_is_folder(policy, path));
    }
    return made;
}

Result<>
move(const PathPolicy& policy, std::string_view from, std::string_view to, Overwrite overwrite)
{
    const auto attempt = "move " + printable(from) + " to";
    COMMON_TRY(const auto source, policy.place(from, Access::write, LastLink::kept));
    COMMON_TRY(const auto target, policy.place(to, Access::write, LastLink::kept));
    for (const auto* each : {&source, &target}) {
        if (each->name == ".") {
            return refusal(ErrorCode::refused, attempt, to, "is a root", "path_not_allowed");
        }
        // Whoever moves a folder could read what is in it from the new place.
        COMMON_CHECK(policy.check_tree("move", each->path, Access::write));
        COMMON_CHECK(policy.check_tree("move", each->path, Access::read));
    }
    if (::renameat2(source.folder.get(),
                    source.name.c_str(),
                    target.folder.get(),
                    target.name.c_str(),
                    overwrite == Overwrite::yes ? 0 : RENAME_NOREPLACE) != 0) {
        return failure(attempt, to, errno);
    }
    return {};
}

} // namespace guest::files
