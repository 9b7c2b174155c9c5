#pragma once

#include "guest/files/folder.hpp"

#include <optional>

namespace guest::files {

enum class Parents { must_exist, made };

struct MakeFolderOptions {
    Parents parents = Parents::must_exist;
    mode_t mode = 0755; ///< Of the folder itself, whatever the umask; its parents have 0755.
};

/// Whether it was made: false if it was there, which is fine with Parents::made alone, as it is
/// with mkdir(1). `already_exists` otherwise.
common::Result<bool>
make_folder(const PathPolicy& policy, std::string_view path, const MakeFolderOptions& options);

/// Makes the folders that a path's last part is to be in, 0755.
common::Result<> make_parents(const PathPolicy& policy, std::string_view path);

enum class Recursive { no, yes };

struct Removed {
    bool was_folder = false;
    std::uint64_t entries = 0; ///< All that went.
};

/// Removes a file, a symbolic link itself, an empty folder or, recursively, all in one. Refused,
/// with reason: path_not_allowed (a root of the rules, or something around what is never
/// written), mount_point, too_deep, folder_in_use (somebody keeps filling it).
/// What was removed before an error stays removed.
common::Result<Removed>
remove(const PathPolicy& policy, std::string_view path, Recursive recursive);

/// The same for `name` in a held folder.
common::Result<std::uint64_t>
remove_tree(int folder, const std::string& name, const std::string& path);

/// Removes a folder that nobody else has a use for: whatever modes it and those in it have, and as
/// much as goes if something does not. `top` is that folder; its name goes only if it is empty.
void discard_tree(int folder, const std::string& name, Folder& top);

enum class Overwrite { no, yes };

/// Renames: at once, or not at all. A symbolic link is moved, not its target. Another file system
/// is refused, reason cross_device: copying and removing is not this, and the caller's to decide.
/// Overwriting replaces a file, or an empty folder by a folder.
common::Result<>
move(const PathPolicy& policy, std::string_view from, std::string_view to, Overwrite overwrite);

} // namespace guest::files
