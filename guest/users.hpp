#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace guest {

/// Who a command runs as.
struct User {
    std::string name;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups; ///< All of them, the primary one included.
    std::string home;
    std::string shell;
};

/// Looks up a name, or a number, in the texts of passwd(5) and group(5). Read directly,
/// without NSS: the agent is a static program. `refused` (reason unknown_user) if there
/// is none; a number without an entry is unknown too, so that nobody becomes a user
/// by accident.
common::Result<User>
find_user(std::string_view passwd, std::string_view group, std::string_view wanted);

/// The same from /etc/passwd and /etc/group as they are now.
common::Result<User> find_user(std::string_view wanted);

/// A whole small file; "" if it cannot be read.
std::string read_file(const char* path);

} // namespace guest
