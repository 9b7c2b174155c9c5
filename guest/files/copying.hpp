#pragma once

#include "guest/files/folders.hpp"

#include <cstdint>

namespace guest::files {

struct CopyOptions {
    Overwrite overwrite = Overwrite::no; ///< Of a file. A folder is never merged into another.
    Recursive recursive = Recursive::no;
    std::uint64_t bytes_at_most = std::uint64_t{64} << 30U;
    std::uint64_t entries_at_most = 1'000'000;
};

struct Copied {
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    std::uint64_t skipped = 0; ///< FIFOs, sockets and devices in the tree.
};

/// Copies a file, or recursively a folder, to a name that all of it takes at once when it is
/// complete; until then it is beside it, and goes with an error. What goes from the tree meanwhile
/// is not missed. Modes are kept but for setuid and setgid; it belongs to whoever acts. A link as
/// `from` is followed; those in a tree are copied as links. Mounted file systems are copied, too.
/// Of a file that grows, what it had when it was opened. Refused: into itself (`invalid_argument`),
/// too_deep, too_large, too_many_entries.
common::Result<Copied> copy(const PathPolicy& policy,
                            std::string_view from,
                            std::string_view to,
                            const CopyOptions& options = {});

} // namespace guest::files
