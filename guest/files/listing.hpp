#pragma once

#include "guest/files/entry.hpp"

namespace guest::files {

struct ListOptions {
    unsigned depth = 1; ///< 1: what is in the folder itself. At most 32.
    std::size_t entries_at_most = 10'000;
};

struct Listing {
    std::vector<Entry> entries; ///< By name; what is in a folder comes right after it.
    bool truncated = false;     ///< There is more, by the limits of entries, names or bytes.
    std::size_t unreadable = 0; ///< Folders that could not be entered or not looked into.
};

/// What is in a folder. No symbolic link in it is followed, folders that the rules refuse are
/// listed but not entered; a mounted file system is entered. Of more names than the limit the first
/// ones by name are kept, with memory for no more than those.
common::Result<Listing>
list(const PathPolicy& policy, std::string_view path, const ListOptions& options = {});

} // namespace guest::files
