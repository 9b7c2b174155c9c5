#include "guest/files/errors.hpp"
#include "guest/files/folder.hpp"
#include "guest/files/folders.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

namespace guest::files {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr int passes_at_most = 16; ///< Over a folder that somebody fills meanwhile.
constexpr std::uint64_t removed_at_most = 50'000'000;

Error removal_error(const std::string& path, int error)
{
    if (error == EBUSY) {
        return refusal(ErrorCode::refused, "remove", path, "is a mount point", "mount_point");
    }
    return failure("remove", path, error);
}

class TreeRemoval {
public:
    [[nodiscard]] std::uint64_t removed() const { return removed_; }

    Result<> remove(int parent, const std::string& name, const std::string& path, unsigned depth)
    {
        if (depth > depth_at_most) {
            return refusal(ErrorCode::too_large,
                           "remove",
                           path,
                           "more than " + std::to_string(depth_at_most) + " folders deep",
                           "too_deep");
        }
        COMMON_TRY(auto folder, Folder::open(parent, name, path, Mounts::refused));
        for (int pass = 0; pass < passes_at_most; ++pass) {
            folder.rewind();
            COMMON_CHECK(remove_content(folder, path, depth));
            if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) {
                ++removed_;
                return {};
            }
            if (errno == ENOENT) {
                return {}; // Somebody else did it.
            }
            if (errno != ENOTEMPTY && errno != EEXIST) {
                return removal_error(path, errno);
            }
        }
        return refusal(ErrorCode::failed_precondition,
                       "remove",
                       path,
                       "somebody keeps filling it",
                       "folder_in_use");
    }

private:
    Result<> remove_content(Folder& folder, const std::string& path, unsigned depth)
    {
        while (removed_ < removed_at_most) {
            COMMON_TRY(const auto name, folder.next());
            if (!name) {
                return {};
            }
            COMMON_CHECK(remove_entry(folder.fd(), *name, path + "/" + *name, depth));
        }
        return refusal(
            ErrorCode::too_large, "remove", path, "far too many entries", "too_many_entries");
    }

    Result<>
    remove_entry(int folder, const std::string& name, const std::string& path, unsigned depth)
    {
        if (::unlinkat(folder, name.c_str(), 0) == 0) {
            ++removed_;
            return {};
        }
        switch (const int error = errno) {
        case ENOENT: return {};
        case EISDIR: break;
        default: return removal_error(path, error);
        }
        auto below = remove(folder, name, path, depth + 1);
        // Replaced meanwhile by something else: the next pass sees to it.
        const bool swapped = !below && (below.error().stable_reason() == "not_a_folder" ||
                                        below.error().stable_reason() == "not_found");
        return swapped ? Result<>{} : std::move(below);
    }

    std::uint64_t removed_ = 0;
};

/// Lets its owner empty a folder, whatever its mode. Held by its number: no link, no mount.
void open_up(int parent, const std::string& name)
{
    const auto held = open_resolved(parent,
                                    name.c_str(),
                                    O_PATH | O_DIRECTORY | O_NOFOLLOW,
                                    RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_NO_XDEV);
    if (held) {
        ::chmod(proc_path(held).c_str(), 0700);
    }
}

void discard_content(Folder& folder, unsigned depth)
{
    folder.rewind();
    for (auto name = folder.next(); name && *name; name = folder.next()) {
        if (::unlinkat(folder.fd(), (**name).c_str(), 0) == 0 || errno != EISDIR) {
            continue;
        }
        open_up(folder.fd(), **name);
        auto below = Folder::open(folder.fd(), **name, **name, Mounts::refused);
        if (below && depth < depth_at_most) {
            discard_content(*below, depth + 1);
        }
        ::unlinkat(folder.fd(), (**name).c_str(), AT_REMOVEDIR);
    }
}

} // namespace

void discard_tree(int folder, const std::string& name, Folder& top)
{
    ::fchmod(top.fd(), 0700);
    bool gone = false;
    for (int pass = 0; pass < passes_at_most && !gone; ++pass) { // Somebody may be filling it.
        discard_content(top, 1);
        gone = ::unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 || errno != ENOTEMPTY;
    }
}

Result<std::uint64_t> remove_tree(int folder, const std::string& name, const std::string& path)
{
    TreeRemoval removal;
    COMMON_CHECK(removal.remove(folder, name, path, 1));
    return removal.removed();
}

Result<Removed> remove(const PathPolicy& policy, std::string_view path, Recursive recursive)
{
    COMMON_TRY(const auto place, policy.place(path, Access::write, LastLink::kept));
    if (place.name == ".") {
        return refusal(ErrorCode::refused, "remove", path, "is a root", "path_not_allowed");
    }
    const int folder = place.folder.get();
    if (::unlinkat(folder, place.name.c_str(), 0) == 0) {
        return Removed{false, 1};
    }
    const int error = errno;
    if (error != EISDIR) {
        return removal_error(std::string{path}, error);
    }
    COMMON_CHECK(policy.check_tree("remove", place.path, Access::write));
    if (recursive == Recursive::yes) {
        COMMON_TRY(const auto entries, remove_tree(folder, place.name, std::string{path}));
        return Removed{true, entries};
    }
    if (::unlinkat(folder, place.name.c_str(), AT_REMOVEDIR) != 0) {
        return removal_error(std::string{path}, errno);
    }
    return Removed{true, 1};
}

} // namespace guest::files
