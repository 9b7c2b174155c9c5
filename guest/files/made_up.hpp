#pragma once

namespace guest::files {

/// Whether a file is one that the kernel makes up while it is read, as those below /proc and /sys:
/// its size (0, 4096) says nothing of how much there is.
bool is_made_up(int fd);

} // namespace guest::files
