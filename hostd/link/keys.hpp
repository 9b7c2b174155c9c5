#pragma once

#include "common/curve/keys.hpp"

namespace hostd::link {

using common::curve::generate_keys;
using common::curve::KeyPair;
using common::curve::read_key;
using common::curve::read_key_pair;

/// The host's identity, as `host.key` and `host.pub`.
inline common::Result<> write_keys(const std::filesystem::path& folder, const KeyPair& keys)
{
    return common::curve::write_keys(folder, "host", keys);
}

} // namespace hostd::link
