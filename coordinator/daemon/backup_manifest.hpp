#pragma once

#include "coordinator/store/database_backup.hpp"

#include <string>
#include <vector>

namespace coordinator::daemon {

/// A file of a backup.
struct BackupPart {
    std::string name; ///< Its path in the backup.
    std::uint64_t bytes = 0;
    std::string sha256;
};

/// What a backup says of itself: manifest.json, and its digest in manifest.json.sha256.
struct Manifest {
    static constexpr int format = 1; ///< One with another is not read.

    std::string id;
    common::WallTime made_at;
    std::string version; ///< Of the program that made it.
    store::DatabaseFacts database;
    std::vector<store::ImageFacts> images;
    std::vector<BackupPart> parts; ///< All other files.

    [[nodiscard]] const BackupPart* part(std::string_view name) const;
};

namespace backup_part {
inline constexpr const char* database = "database.dump";
inline constexpr const char* server_key = "server.key";
inline constexpr const char* enrolled = "enrolled";
inline constexpr const char* tokens = "tokens";
inline constexpr const char* config = "coordinator.yaml";
/// The prefix of uploaded files: blobs/TENANT/SHA256.
inline constexpr const char* blobs = "blobs/";
} // namespace backup_part

std::string to_text(const Manifest& manifest);
/// `invalid_argument`: it is none, or of another format, or names a file that no backup has.
common::Result<Manifest> manifest_from(const std::string& text);

} // namespace coordinator::daemon
