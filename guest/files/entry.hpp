#pragma once

#include "guest/files/path_policy.hpp"

#include <cstdint>
#include <optional>
#include <sys/types.h>

namespace guest::files {

enum class Kind { file, folder, symlink, fifo, socket, char_device, block_device };

std::string_view to_string(Kind kind) noexcept;

/// What there is to know about something without opening it.
struct Entry {
    std::string path;
    Kind kind = Kind::file;
    mode_t mode = 0; ///< Permissions, with setuid, setgid and sticky: 07777.
    uid_t uid = 0;
    gid_t gid = 0;
    std::uint64_t size = 0;       ///< Bytes; of a symbolic link, of its target's name.
    std::int64_t modified_ns = 0; ///< Since 1970.
    std::string target{};         ///< Of a symbolic link.
};

Entry entry_of(std::string path, const struct stat& status);

/// The same for `name` in a held folder, its link's target included. No link is followed.
common::Result<Entry> entry_at(int folder, const std::string& name, std::string path);

/// `not_found` if there is nothing.
common::Result<Entry> stat(const PathPolicy& policy, std::string_view path, LastLink last);

/// Nothing if there is nothing, also where a part of the path is no folder.
common::Result<std::optional<Entry>>
exists(const PathPolicy& policy, std::string_view path, LastLink last);

} // namespace guest::files
