#pragma once

#include "common/result.hpp"

#include <filesystem>
#include <string>

namespace common::curve {

/// A CURVE key pair, each as 40 characters of Z85 (ZeroMQ RFC 32).
struct KeyPair {
    std::string public_key;
    std::string secret_key;
};

Result<KeyPair> generate_keys();

/// Writes `<stem>.key` (mode 0600) and `<stem>.pub` into `folder`, which is made if need
/// be. `already_exists` if there is a key: it is somebody's identity, never overwritten.
Result<>
write_keys(const std::filesystem::path& folder, const std::string& stem, const KeyPair& keys);

/// Reads one key: the first line that is no comment (#). `not_found`, `invalid_argument`.
Result<std::string> read_key(const std::filesystem::path& file);

/// The pair that a secret key belongs to. `failed_precondition` if others may read the file.
Result<KeyPair> read_key_pair(const std::filesystem::path& secret_file);

} // namespace common::curve
