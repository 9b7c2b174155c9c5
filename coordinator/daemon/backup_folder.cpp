#include "coordinator/daemon/backup_folder.hpp"

#include "common/digest/digest.hpp"
#include "common/files/durable.hpp"
#include "common/id.hpp"
#include "common/process/process.hpp"

#include <array>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace coordinator::daemon {

namespace fs = std::filesystem;
using common::Error;
using common::ErrorCode;
using common::Result;
using common::UniqueFd;
using common::files::file_error;

namespace {

constexpr const char* manifest_name = "manifest.json";
constexpr const char* digest_name = "manifest.json.sha256";
constexpr const char* archive_name = "archive.tar"; // Of a draft.
constexpr std::chrono::hours patience_of_tar{24};

bool is_archive(const fs::path& path)
{
    return path.extension() == ".tar";
}

fs::path folder_of(const fs::path& path)
{
    return path.has_parent_path() ? path.parent_path() : fs::path{"."};
}

std::string draft_prefix(const fs::path& target)
{
    return "." + target.filename().string() + ".draft-";
}

/// Those of the same name whose process is gone.
void sweep(const fs::path& target)
{
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{folder_of(target), error}) {
        if (!entry.path().filename().string().starts_with(draft_prefix(target))) {
            continue;
        }
        const UniqueFd lock{
            ::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
        if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
            static_cast<void>(common::files::remove_tree(entry.path()));
        }
    }
}

Result<UniqueFd> open_to_read(const fs::path& file)
{
    UniqueFd in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!in) {
        auto error = file_error("read", file, errno);
        error.code = errno == ENOENT ? ErrorCode::not_found : error.code;
        return error;
    }
    return in;
}

/// In pieces, each given to `take`.
template <typename Take>
Result<> read_all(const fs::path& file, Take take)
{
    COMMON_TRY(const auto in, open_to_read(file));
    std::vector<char> piece(std::size_t{1} << 20U);
    for (;;) {
        const auto count = ::read(in.get(), piece.data(), piece.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return file_error("read", file, errno);
        }
        if (count == 0) {
            return {};
        }
        COMMON_CHECK(take(std::string_view{piece.data(), static_cast<std::size_t>(count)}));
    }
}

Result<> write_new(const fs::path& file, std::string_view text)
{
    const UniqueFd out{::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!out) {
        return file_error("write", file, errno);
    }
    COMMON_CHECK(common::files::write_all(out.get(), text, file));
    return ::fsync(out.get()) == 0 ? Result<>{} : file_error("sync", file, errno);
}

Result<> check_part(const fs::path& folder, const BackupPart& part)
{
    const auto file = folder / part.name;
    std::error_code error;
    const auto bytes = fs::file_size(file, error);
    const auto broken = [&part](const std::string& why) {
        return Error{ErrorCode::failed_precondition,
                     fmt::format("the backup is damaged: {} {}", part.name, why),
                     "backup_damaged"};
    };
    if (error) {
        return broken("cannot be read: " + error.message());
    }
    if (bytes != part.bytes) {
        return broken(fmt::format("has {} bytes, not {}", bytes, part.bytes));
    }
    COMMON_TRY(const auto digest, common::digest::of_file(file));
    return common::digest::to_hex(digest) == part.sha256 ? Result<>{}
                                                         : broken("is not what it was: SHA-256");
}

Result<Manifest> read_manifest(const fs::path& folder)
{
    const auto text = read_file(folder / manifest_name);
    const auto digest = read_file(folder / digest_name);
    if (!text || !digest) {
        return Error{ErrorCode::not_found,
                     fmt::format("{} is no backup, or its end is missing: {}",
                                 folder.string(),
                                 (text ? digest : text).error().message),
                     "backup_damaged"};
    }
    const auto hex = common::digest::to_hex(common::digest::of(*text));
    if (!digest->starts_with(hex + "  ")) {
        return Error{ErrorCode::failed_precondition,
                     "the backup is damaged: manifest.json is not what it was: SHA-256",
                     "backup_damaged"};
    }
    return manifest_from(*text);
}

} // namespace

Result<std::string> read_file(const fs::path& file)
{
    std::string text;
    COMMON_CHECK(read_all(file, [&text](std::string_view piece) -> Result<> {
        text += piece;
        return {};
    }));
    return text;
}

Result<std::unique_ptr<BackupDraft>> BackupDraft::begin(const fs::path& target)
{
    std::error_code error;
    if (target.filename().empty() || fs::exists(fs::symlink_status(target, error))) {
        return Error{ErrorCode::already_exists,
                     target.string() + " is there already: name a new folder, or a new file *.tar"};
    }
    sweep(target);
    auto folder = folder_of(target) / (draft_prefix(target) + common::random_base32_80());
    if (::mkdir(folder.c_str(), S_IRWXU) != 0) {
        return file_error("make", folder, errno);
    }
    UniqueFd lock{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return file_error("lock", folder, errno);
    }
    std::unique_ptr<BackupDraft> draft{new BackupDraft{target, std::move(folder), std::move(lock)}};
    fs::create_directories(draft->content_, error);
    if (error) {
        return file_error("make", draft->content_, error.value());
    }
    return draft;
}

BackupDraft::BackupDraft(fs::path target, fs::path folder, UniqueFd lock)
    : target_{std::move(target)},
      folder_{std::move(folder)},
      content_{is_archive(target_) ? folder_ / "content" : folder_},
      lock_{std::move(lock)}
{}

BackupDraft::~BackupDraft()
{
    if (!finished_ || is_archive(target_)) {
        static_cast<void>(common::files::remove_tree(folder_));
    }
}

Result<BackupPart> BackupDraft::add(const std::string& part) const
{
    const auto file = path_of(part);
    COMMON_CHECK(common::files::sync_file(file));
    COMMON_TRY(const auto digest, common::digest::of_file(file));
    std::error_code error;
    const auto bytes = fs::file_size(file, error);
    if (error) {
        return file_error("look at", file, error.value());
    }
    return BackupPart{part, bytes, common::digest::to_hex(digest)};
}

Result<BackupPart> BackupDraft::copy(const fs::path& from, const std::string& part) const
{
    const auto to = path_of(part);
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    const UniqueFd out{::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!out) {
        return file_error("write", to, errno);
    }
    common::digest::Hasher hasher;
    std::uint64_t bytes = 0;
    COMMON_CHECK(read_all(from, [&](std::string_view piece) {
        hasher.update(piece);
        bytes += piece.size();
        return common::files::write_all(out.get(), piece, to);
    }));
    if (::fsync(out.get()) != 0) {
        return file_error("sync", to, errno);
    }
    return BackupPart{part, bytes, common::digest::to_hex(hasher.finish())};
}

Result<> BackupDraft::pack() const
{
    const auto archive = folder_ / archive_name;
    COMMON_CHECK(common::process::run_checked({{"tar",
                                                "--create",
                                                "--sort=name",
                                                "--owner=0",
                                                "--group=0",
                                                "--file=" + archive.string(),
                                                "--directory=" + content_.string(),
                                                "."},
                                               {},
                                               patience_of_tar}));
    COMMON_CHECK(common::files::sync_file(archive));
    return {};
}

Result<> BackupDraft::finish(const Manifest& manifest)
{
    const auto text = to_text(manifest);
    COMMON_CHECK(write_new(path_of(manifest_name), text));
    COMMON_CHECK(write_new(
        path_of(digest_name),
        fmt::format("{}  {}\n", common::digest::to_hex(common::digest::of(text)), manifest_name)));
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator{folder_, error}) {
        if (entry.is_directory()) {
            COMMON_CHECK(common::files::sync_folder(entry.path()));
        }
    }
    COMMON_CHECK(common::files::sync_folder(folder_));
    auto whole = folder_;
    if (is_archive(target_)) {
        COMMON_CHECK(pack());
        whole /= archive_name;
    }
    if (::renameat2(AT_FDCWD, whole.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) != 0) {
        return file_error("put in its place", target_, errno);
    }
    finished_ = true;
    return common::files::sync_folder(folder_of(target_));
}

Result<std::unique_ptr<Backup>> Backup::open(const fs::path& path)
{
    std::unique_ptr<Backup> backup{new Backup};
    std::error_code error;
    if (fs::is_directory(path, error)) {
        backup->folder_ = path;
    } else if (fs::is_regular_file(path, error)) {
        auto pattern = (fs::temp_directory_path() / "paddock-backup-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            return file_error("make", pattern, errno);
        }
        backup->folder_ = backup->temporary_ = pattern;
        auto unpacked = common::process::run_checked({{"tar",
                                                       "--extract",
                                                       "--no-same-owner",
                                                       "--no-same-permissions",
                                                       "--file=" + path.string(),
                                                       "--directory=" + pattern},
                                                      {},
                                                      patience_of_tar});
        if (!unpacked) {
            return std::move(unpacked).error().during("unpack the backup");
        }
    } else {
        return Error{ErrorCode::not_found, path.string() + " is no folder, and no file *.tar"};
    }
    COMMON_TRY(backup->manifest_, read_manifest(backup->folder_));
    for (const auto& part : backup->manifest_.parts) {
        COMMON_CHECK(check_part(backup->folder_, part));
    }
    const auto* dump = backup->manifest_.part(backup_part::database);
    if (dump == nullptr) {
        return Error{ErrorCode::invalid_argument, "the backup has no database"};
    }
    // An archive that this program of the distribution cannot read helps nobody.
    auto listed = common::process::run_checked(
        {{"pg_restore", "--list", backup->path_of(dump->name).string()},
         {},
         std::chrono::minutes{10}});
    if (!listed) {
        auto why = std::move(listed).error();
        why.message +=
            why.code == ErrorCode::not_found ? "; apt-get install postgresql-client" : "";
        return why;
    }
    return backup;
}

Backup::~Backup()
{
    if (!temporary_.empty()) {
        static_cast<void>(common::files::remove_tree(temporary_));
    }
}

} // namespace coordinator::daemon
