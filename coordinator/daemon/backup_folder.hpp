#pragma once

#include "common/unique_fd.hpp"
#include "coordinator/daemon/backup_manifest.hpp"

#include <filesystem>

namespace coordinator::daemon {

/// A backup while it is made, beside where it will be: seen there whole, or not at all. One that
/// does not come to its end is removed; if the process is killed, by the next one of that name.
class BackupDraft {
public:
    /// `target`: a folder, or a file *.tar. `already_exists`.
    static common::Result<std::unique_ptr<BackupDraft>> begin(const std::filesystem::path& target);
    ~BackupDraft();
    BackupDraft(const BackupDraft&) = delete;
    BackupDraft& operator=(const BackupDraft&) = delete;

    /// For whoever writes a part itself; add() then.
    [[nodiscard]] std::filesystem::path path_of(std::string_view part) const
    {
        return content_ / part;
    }
    common::Result<BackupPart> add(const std::string& part) const;
    /// A copy, mode 0600. `not_found`.
    common::Result<BackupPart> copy(const std::filesystem::path& from,
                                    const std::string& part) const;
    /// Writes the manifest, and puts the backup in its place, durably.
    common::Result<> finish(const Manifest& manifest);

private:
    BackupDraft(std::filesystem::path target, std::filesystem::path folder, common::UniqueFd lock);
    [[nodiscard]] common::Result<> pack() const;

    const std::filesystem::path target_;
    const std::filesystem::path folder_;
    const std::filesystem::path content_; ///< That, or below it if an archive is made.
    const common::UniqueFd lock_;
    bool finished_ = false;
};

/// A backup to read: a folder, or what is in a file *.tar, unpacked into a temporary folder for as
/// long as this lives.
class Backup {
public:
    /// With every part read and compared. `not_found`; `failed_precondition` names the part that
    /// is not what it was, and `invalid_argument` as manifest_from().
    static common::Result<std::unique_ptr<Backup>> open(const std::filesystem::path& path);
    ~Backup();
    Backup(const Backup&) = delete;
    Backup& operator=(const Backup&) = delete;

    [[nodiscard]] const Manifest& manifest() const { return manifest_; }
    [[nodiscard]] std::filesystem::path path_of(std::string_view part) const
    {
        return folder_ / part;
    }

private:
    Backup() = default;

    std::filesystem::path folder_;
    std::filesystem::path temporary_; ///< Removed at the end; empty: nothing is.
    Manifest manifest_;
};

/// The text of a small file. `not_found`, `internal`.
common::Result<std::string> read_file(const std::filesystem::path& file);

} // namespace coordinator::daemon
