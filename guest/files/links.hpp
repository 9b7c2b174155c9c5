#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"

#include <string>
#include <string_view>

namespace guest::files {

/// The target of the symbolic link `name`, to be followed as the last part of `path`; "" if it is
/// none, or nothing. `permission_denied` for somebody else's in a sticky folder that is writable
/// for all: as the kernel does if fs.protected_symlinks (proc(5)) is set, here whether it is or
/// not. `refused`, reason symlink_loop, for those that the kernel makes up: /proc has some whose
/// text is not where they lead.
common::Result<std::string>
link_to_follow(const common::UniqueFd& folder, const std::string& name, std::string_view path);

/// The target of a symbolic link; "" if it is none, or nothing.
std::string link_target(int folder, const std::string& name);

} // namespace guest::files
