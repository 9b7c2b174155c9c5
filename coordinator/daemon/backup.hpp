#pragma once

#include "coordinator/daemon/settings.hpp"

#include <filesystem>

namespace coordinator::daemon {

enum class BackupOutput { text, json };

struct BackupRequest {
    std::filesystem::path config; ///< As --config said; may be empty.
    std::filesystem::path out;    ///< A new folder, or a new file *.tar.
    enum class Blobs { named, copied } blobs = Blobs::named;
    BackupOutput output = BackupOutput::text;
};

struct RestoreRequest {
    std::filesystem::path config; ///< Need not be there: then it is that of the backup.
    std::filesystem::path from;
    enum class IfThere { refuse, replace } if_there = IfThere::refuse;
    BackupOutput output = BackupOutput::text;
};

/// The configuration file that counts.
std::filesystem::path config_file(const std::filesystem::path& named);

/// Of one moment, while coordinators run or not. There whole, or not at all.
common::Result<> make_backup(const BackupRequest& request);

/// Reads all of it.
common::Result<> verify_backup(const std::filesystem::path& path, BackupOutput output);

/// Everything, or an error and nothing is changed. Never while a coordinator leads on that
/// database.
common::Result<> restore_backup(const RestoreRequest& request);

} // namespace coordinator::daemon
