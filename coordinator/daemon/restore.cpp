#include "common/config/config.hpp"
#include "common/curve/keys.hpp"
#include "common/digest/digest.hpp"
#include "common/files/durable.hpp"
#include "common/rollback.hpp"
#include "coordinator/daemon/backup.hpp"
#include "coordinator/daemon/backup_folder.hpp"
#include "coordinator/daemon/backup_report.hpp"
#include "coordinator/store/pg_store.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

namespace coordinator::daemon {

namespace fs = std::filesystem;
using common::Error;
using common::ErrorCode;
using common::Result;
using IfThere = RestoreRequest::IfThere;

namespace {

/// Where a part goes.
struct Place {
    std::string part;
    fs::path file;
};

/// What a restore goes by.
struct Restore {
    const RestoreRequest& request;
    const Backup& backup;
    Settings settings;
    fs::path config; ///< To be written; empty: there is one, and it counts.
    std::vector<Place> places;
    BackupReport report;
};

bool is_there(const fs::path& file)
{
    std::error_code error;
    return fs::exists(file, error);
}

fs::path before_restore(const fs::path& file)
{
    return file.string() + ".before-restore";
}

/// The settings that count: those of the configuration that is there, else of the one that is in
/// the backup, which is then put in its place.
Result<> choose_settings(Restore& restore)
{
    using common::config::Config;
    const auto named = config_file(restore.request.config);
    auto file = is_there(named) ? named : restore.request.config;
    if (!is_there(named) && restore.backup.manifest().part(backup_part::config) != nullptr) {
        restore.config = named;
        file = restore.backup.path_of(backup_part::config);
    }
    const Config::Environment ours = &common::config::process_environment;
    const Config::Environment none = [](const std::string&) {
        return std::optional<std::string>{};
    };
    for (const auto& environment : {ours, none}) { // The coordinator's may be another one.
        COMMON_TRY(const auto config, Config::load(keys(), file, environment));
        if (config.text("orphans") == "destroy") {
            return Error{ErrorCode::failed_precondition,
                         "orphans: destroy, in " + file.string() +
                             " or the environment, would have all destroyed that was made after "
                             "this backup: say keep"};
        }
    }
    COMMON_TRY(restore.settings, load_settings(file, ours));
    return {};
}

void choose_places(Restore& restore)
{
    const auto& settings = restore.settings;
    for (const auto& part : restore.backup.manifest().parts) {
        if (part.name == backup_part::server_key) {
            restore.places.push_back({part.name, settings.server_key});
        } else if (part.name == backup_part::enrolled) {
            restore.places.push_back({part.name, settings.enrolment_file});
        } else if (part.name == backup_part::tokens) {
            restore.places.push_back({part.name, settings.token_file});
        } else if (part.name == backup_part::config && !restore.config.empty()) {
            restore.places.push_back({part.name, restore.config});
        } else if (part.name.starts_with(backup_part::blobs)) {
            const std::string_view blob{part.name};
            restore.places.push_back(
                {part.name,
                 settings.blobs.folder / blob.substr(std::string_view{backup_part::blobs}.size())});
        }
    }
}

/// Another key than the one that hosts pin, or other tokens, are not lost by a slip.
Result<> check_places(Restore& restore)
{
    std::vector<Place> left;
    for (auto& place : restore.places) {
        if (!is_there(place.file)) {
            left.push_back(std::move(place));
            continue;
        }
        COMMON_TRY(const auto digest, common::digest::of_file(place.file));
        if (common::digest::to_hex(digest) == restore.backup.manifest().part(place.part)->sha256) {
            restore.report.done.push_back(
                fmt::format("kept {}: it is the same", place.file.string()));
            continue;
        }
        std::error_code error;
        // An empty list of hosts is what a fresh installation has.
        const bool empty = fs::file_size(place.file, error) == 0 && !error;
        if (!empty && restore.request.if_there == IfThere::refuse) {
            return Error{ErrorCode::already_exists,
                         fmt::format("{} is there, and another one than {} of the backup: move it "
                                     "away, or say --replace",
                                     place.file.string(),
                                     place.part)};
        }
        left.push_back(std::move(place));
    }
    restore.places = std::move(left);
    return {};
}

/// What root makes in a folder of the daemon's is the daemon's, as if that had made it.
Result<> hand_over(const fs::path& made, const fs::path& folder)
{
    struct stat about {};
    if (::geteuid() != 0 || ::stat(folder.c_str(), &about) != 0 || about.st_uid == 0) {
        return {};
    }
    return ::lchown(made.c_str(), about.st_uid, about.st_gid) == 0
               ? Result<>{}
               : common::files::file_error("hand over", made, errno);
}

/// Puts a part in its place as keygen and token make such files, and registers the undo.
Result<> put(const Restore& restore, const Place& place, common::Rollback& undo)
{
    std::error_code error;
    fs::create_directories(place.file.parent_path(), error);
    if (error) {
        return common::files::file_error("make", place.file.parent_path(), error.value());
    }
    const auto fresh = place.file.string() + ".restored";
    const auto before = before_restore(place.file);
    COMMON_CHECK(common::files::remove_file(fresh));
    common::Rollback draft;
    draft.add([fresh] { static_cast<void>(common::files::remove_file(fresh)); });
    fs::copy_file(restore.backup.path_of(place.part), fresh, error);
    if (error) {
        return common::files::file_error("write", fresh, error.value());
    }
    if (::chmod(fresh.c_str(), S_IRUSR | S_IWUSR) != 0) {
        return common::files::file_error("change the mode of", fresh, errno);
    }
    if (place.part.starts_with(backup_part::blobs)) {
        const auto& blobs = restore.settings.blobs.folder;
        COMMON_CHECK(hand_over(place.file.parent_path(), blobs));
        COMMON_CHECK(hand_over(fresh, blobs));
    } else {
        COMMON_CHECK(common::files::let_folders_group_read(fresh));
    }
    COMMON_CHECK(common::files::sync_file(fresh));
    const bool was_there = is_there(place.file);
    if (was_there) {
        COMMON_CHECK(common::files::rename_durably(place.file, before));
    }
    auto renamed = common::files::rename_durably(fresh, place.file);
    undo.add([file = place.file, before, was_there] {
        static_cast<void>(was_there ? common::files::rename_durably(before, file)
                                    : common::files::remove_file(file));
    });
    draft.commit();
    return renamed;
}

store::DatabaseRestore database_of(const Restore& restore)
{
    using IfFull = store::DatabaseRestore::IfFull;
    const auto& manifest = restore.backup.manifest();
    return {restore.backup.path_of(backup_part::database),
            manifest.database,
            manifest.id,
            manifest.made_at,
            restore.request.if_there == IfThere::replace ? IfFull::replace : IfFull::refuse};
}

/// What hosts pin: made of the key, so that it is no part of a backup. One of another key goes
/// aside with that.
Result<> put_public_key(const Restore& restore, common::Rollback& undo)
{
    // Not the key in its place: root takes none for a secret that a group may read.
    COMMON_TRY(const auto keys,
               common::curve::read_key_pair(restore.backup.path_of(backup_part::server_key)));
    auto file = restore.settings.server_key;
    file.replace_extension(".pub");
    if (const auto there = common::curve::read_key(file); there && *there == keys.public_key) {
        return {};
    }
    const bool was_there = is_there(file);
    if (was_there) {
        COMMON_CHECK(common::files::rename_durably(file, before_restore(file)));
    }
    undo.add([file, was_there] {
        static_cast<void>(was_there ? common::files::rename_durably(before_restore(file), file)
                                    : common::files::remove_file(file));
    });
    return common::files::replace_durably(
        file, keys.public_key + "\n", S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

} // namespace

Result<> restore_backup(const RestoreRequest& request)
{
    COMMON_TRY(const auto backup, Backup::open(request.from));
    Restore restore{request, *backup, {}, {}, {}, {"restored", request.from, {}, {}}};
    COMMON_CHECK(choose_settings(restore));
    choose_places(restore);
    COMMON_CHECK(check_places(restore));
    const auto database = database_of(restore);
    COMMON_CHECK(store::check_restore(restore.settings.store, database));

    common::Rollback undo;
    for (const auto& place : restore.places) {
        COMMON_CHECK(put(restore, place, undo));
        const auto before = before_restore(place.file);
        restore.report.done.push_back(
            "wrote " + place.file.string() +
            (is_there(before) ? "; what was there is now " + before.string() : ""));
    }
    COMMON_CHECK(put_public_key(restore, undo));
    const common::SystemClock clock;
    COMMON_TRY(const auto restored,
               store::restore_database(restore.settings.store, database, clock.wall()));
    undo.commit();

    auto as_owner = restore.settings.store;
    if (!as_owner.database_owner_url.empty()) {
        as_owner.database_url = as_owner.database_owner_url; // No grants yet.
    }
    COMMON_TRY(const auto check, store::verify_audit(as_owner));
    restore.report.epoch = restored.epoch;
    restore.report.done.push_back(
        fmt::format("restored the database; {} audit rows, each fits the one before", check.rows));
    restore.report.done.push_back(
        fmt::format("next: start the coordinator; it leads with an epoch after {}, so that hosts "
                    "come to it and to none that still runs elsewhere",
                    restored.epoch));
    print_report(restore.report, backup->manifest(), request.output);
    return {};
}

} // namespace coordinator::daemon
