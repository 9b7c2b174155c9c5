#pragma once

#include "hostd/link/keys.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace hostd::simulated {

/// A host that there is not: the name that it is enrolled by, and its identity.
struct Member {
    std::string name;
    link::KeyPair keys;
};

/// `<prefix>0001` and so on, as many digits as the last one has, four at least.
std::vector<std::string> member_names(const std::string& prefix, std::size_t count);

/// Makes `hosts.keys`, which is secret, and `hosts.enrol`, what the coordinator is to know: one
/// "<name> <public key>" a line. `already_exists`: neither is ever overwritten.
common::Result<> make_members(const std::filesystem::path& folder,
                              const std::vector<std::string>& names);

/// Of `hosts.keys`. `not_found`; `failed_precondition` if it is open to others; `invalid_argument`
/// with the line.
common::Result<std::vector<Member>> read_members(const std::filesystem::path& folder);

} // namespace hostd::simulated
