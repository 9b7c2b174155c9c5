#include "coordinator/daemon/backup.hpp"

#include "common/id.hpp"
#include "common/version.hpp"
#include "coordinator/daemon/backup_folder.hpp"
#include "coordinator/daemon/backup_report.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

namespace coordinator::daemon {

namespace fs = std::filesystem;
using common::ErrorCode;
using common::Result;

namespace {

struct Source {
    fs::path file;
    const char* part;
    bool needed;
};

/// Keys and lists may change while this goes on, and then belong to this moment or the next.
Result<> add_files(const BackupDraft& draft,
                   const Settings& settings,
                   const fs::path& config,
                   Manifest& manifest)
{
    for (const auto& [file, part, needed] :
         {Source{settings.server_key, backup_part::server_key, true},
          Source{settings.enrolment_file, backup_part::enrolled, false},
          Source{settings.token_file, backup_part::tokens, false},
          Source{config, backup_part::config, false}}) {
        if (file.empty()) {
            continue;
        }
        auto copied = draft.copy(file, part);
        if (copied) {
            manifest.parts.push_back(*std::move(copied));
        } else if (needed || copied.error().code != ErrorCode::not_found) {
            return std::move(copied).error();
        } else {
            std::error_code ignored;
            fs::remove(draft.path_of(part), ignored);
        }
    }
    return {};
}

/// The files of images that were uploaded. One that is not there is told: its hosts have it still.
Result<> add_blobs(const BackupDraft& draft,
                   const Settings& settings,
                   Manifest& manifest,
                   BackupReport& report)
{
    for (const auto& image : manifest.images) {
        if (image.tenant.empty()) {
            continue;
        }
        for (const auto& file : image.files) {
            const auto part = backup_part::blobs + image.tenant + "/" + file.digest;
            if (manifest.part(part) != nullptr) {
                continue;
            }
            auto copied = draft.copy(settings.blobs.folder / image.tenant / file.digest, part);
            if (!copied && copied.error().code != ErrorCode::not_found) {
                return std::move(copied).error();
            }
            if (!copied || copied->sha256 != file.digest) {
                report.warnings.push_back(
                    fmt::format("a file of image {} is not in blob_dir as it was uploaded: {}",
                                image.name,
                                file.digest));
                std::error_code ignored;
                fs::remove(draft.path_of(part), ignored);
                continue;
            }
            manifest.parts.push_back(*std::move(copied));
        }
    }
    return {};
}

} // namespace

fs::path config_file(const fs::path& named)
{
    return named.empty() ? fs::path{default_config_file} : named;
}

Result<> make_backup(const BackupRequest& request)
{
    COMMON_TRY(const auto settings,
               load_settings(request.config, &common::config::process_environment));
    ::umask(S_IRWXG | S_IRWXO); // Of what pg_dump and tar make, too.
    COMMON_TRY(const auto draft, BackupDraft::begin(request.out));
    COMMON_TRY(const auto database, store::DatabaseMoment::open(settings.store));
    const common::SystemClock clock;
    Manifest manifest{"bkp-" + common::random_base32_80(),
                      clock.wall(),
                      std::string{common::version},
                      database->facts(),
                      {},
                      {}};
    BackupReport report{"made", request.out, {}, {}};
    COMMON_TRY(manifest.images, database->images());
    COMMON_CHECK(add_files(*draft, settings, config_file(request.config), manifest));
    COMMON_CHECK(database->dump(draft->path_of(backup_part::database)));
    COMMON_TRY(auto dump, draft->add(backup_part::database));
    manifest.parts.push_back(std::move(dump));
    if (request.blobs == BackupRequest::Blobs::copied) {
        COMMON_CHECK(add_blobs(*draft, settings, manifest, report));
    }
    COMMON_CHECK(draft->finish(manifest));
    print_report(report, manifest, request.output);
    return {};
}

Result<> verify_backup(const fs::path& path, BackupOutput output)
{
    COMMON_TRY(const auto backup, Backup::open(path));
    print_report({"whole", path, {}, {}}, backup->manifest(), output);
    return {};
}

} // namespace coordinator::daemon
