#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace guest::files {

enum class Access { read, write };

/// What is done with a symbolic link as the last part of a path.
enum class LastLink { kept, followed };

/// Which paths a sandbox's files may be on; all are absolute.
struct PathRules {
    /// Real: one that has a symbolic link in it is refused when it is used.
    std::vector<std::string> roots{"/"};
    /// These and the next hold where they are, and where links in them lead to now.
    std::vector<std::string> never_read{};
    /// What the kernel makes up is changed by commands: nothing can be replaced there.
    std::vector<std::string> never_written{"/dev", "/proc", "/sys"};
};

/// A name in a folder that is held: it stays this folder, whatever is renamed meanwhile.
struct Place {
    common::UniqueFd folder; ///< O_PATH.
    std::string name;        ///< A single one; "." is a root of the rules itself.
    std::string path;        ///< Where it really was when it was looked up.
};

/// Something that is there, held.
struct Found {
    common::UniqueFd fd; ///< O_PATH: of the right kind, it is opened again by reopen().
    std::string path;    ///< Where it really was when it was looked up.
    struct stat status {};
};

/// Turns paths into what is at them, without ever leaving the rules' roots: the kernel resolves
/// them (openat2(2)), so nobody can swap a folder for a link in between. Refused, with reason:
/// path_not_allowed (below no root, or never to be read or written), path_escapes (a link or
/// a ".." leads out of its root; an absolute link counts as such unless the root is "/"),
/// symlink_loop (too many links, or one of /proc's that lead to other processes' files).
/// `permission_denied` also for a link as the last part that is somebody else's, in a sticky folder
/// which all may write to: see link_to_follow().
/// A kernel before 5.6 has no openat2: `unimplemented`, reason no_openat2, for everything.
///
/// All of guest/files acts as the calling thread does: see ActingAs. Constant: any thread.
class PathPolicy {
public:
    /// `invalid_argument` for a rule that is no absolute, plain path, or without any root.
    static common::Result<PathPolicy> of(PathRules rules);

    /// Where something is or can be made.
    [[nodiscard]] common::Result<Place>
    place(std::string_view path, Access access, LastLink last) const;

    /// What is there, to be read.
    [[nodiscard]] common::Result<Found> find(std::string_view path, LastLink last) const;

    /// Whether a real path may be used so.
    [[nodiscard]] bool allows(std::string_view real_path, Access access) const;
    /// Whether all below it may be, too.
    [[nodiscard]] common::Result<>
    check_tree(std::string_view attempt, std::string_view real_path, Access access) const;

private:
    explicit PathPolicy(PathRules rules) : rules_{std::move(rules)} {}

    /// Where to look for a path.
    struct Start {
        std::string_view asked; ///< The path itself.
        const std::string* root;
        std::string rest;       ///< Below the root; "": that itself.
        bool to_folder = false; ///< A link on the way says so.
    };
    [[nodiscard]] common::Result<Start> start_of(std::string_view path) const;
    [[nodiscard]] common::Result<common::UniqueFd>
    open_below(const common::UniqueFd& root, const Start& start, std::uint64_t flags) const;
    [[nodiscard]] common::Result<bool> follow_last(Start& start,
                                                   const common::UniqueFd& folder) const;
    [[nodiscard]] common::Result<Found> found(common::UniqueFd fd, const Start& start) const;
    [[nodiscard]] const std::vector<std::string>& refused(Access access) const;

    PathRules rules_;
};

/// openat2(2) with close-on-exec and without magic links, tried again while renames disturb it.
/// Not set, with errno, if it fails.
common::UniqueFd
open_resolved(int start, const char* path, std::uint64_t flags, std::uint64_t resolve);

/// Opens what was found once more, to use it. Never waits: O_NONBLOCK.
common::Result<common::UniqueFd> reopen(const common::UniqueFd& held, int flags);

/// Where a held descriptor's file is now.
common::Result<std::string> path_of(const common::UniqueFd& held);

/// `/proc/self/fd/N`, for calls that take nothing but a path.
std::string proc_path(const common::UniqueFd& held);

/// Whether `path` is `folder` or below it; both normal.
bool is_within(std::string_view path, std::string_view folder);

/// An absolute path without empty parts and ".", and without a slash at its end; ".." stays, for
/// the kernel to resolve. `invalid_argument` for a relative path, one of 4096 bytes or more, or
/// with a NUL.
common::Result<std::string> normal_path(std::string_view path);

} // namespace guest::files
