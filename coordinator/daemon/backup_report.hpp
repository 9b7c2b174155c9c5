#pragma once

#include "coordinator/daemon/backup.hpp"
#include "coordinator/daemon/backup_manifest.hpp"

#include <utility>

namespace coordinator::daemon {

/// What was done, for people or programs. No secrets: of files only what they are.
struct BackupReport {
    std::string what; ///< made | whole | restored
    std::filesystem::path path;
    std::vector<std::string> done; ///< Line by line.
    std::vector<std::string> warnings;
    std::uint64_t epoch = 0; ///< Of a restore.
};

void print_report(const BackupReport& report, const Manifest& manifest, BackupOutput output);

} // namespace coordinator::daemon
